// Command mutants builds the project with one known fault at a time and shows that its tests find each.
//
// # What it is not
//
// No fault is in the product's code, behind a build tag or otherwise: a mutant is a replacement of text in one source file, which the
// compiler sees through an overlay. It is no tool that finds mutations by itself; the list is made by hand, of faults that a message
// broker must not have (and that others had).
//
// # Flow
//
// table.go lists the mutants: the file, what stands there, what stands there instead, and the shortest test that finds it. main.go writes
// the overlay, runs the test with it, and prints a line of the table in docs/mutants.md. table_test.go sees to it that the list keeps up
// with the code.
//
// # Invariants
//
//  1. The text to be replaced stands in its file exactly once.
//  2. A mutant counts as found when its test fails and says which check failed; a mutant that does not compile is a fault of the list.
package main
