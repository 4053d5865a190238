// Package lint holds tests about the code itself: which package may import which, where the operating system is
// touched, and what the documents claim about files and functions.
//
// It has no code that other packages use.
package lint
