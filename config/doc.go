// Package config turns one file, the environment and the flags into one checked [Config].
//
// # What it is
//
// The structs of every setting with their defaults, ranges and descriptions ([Config], [Default]), the two file languages (HCL and
// YAML, same keys, same result), the environment variables RAFTMQ_* and NAMESRV_ADDR, and the checks that need more than one value.
// A cluster has one file; each machine names the node that it is.
//
// # What it is not
//
// It does not know what a setting does: the conversion into the Options of broker, namesrv and raftlog is made in cmd/internal/cli. It
// watches nothing and opens no port.
//
// # Flow
//
// [Load] reads the file into a tree that remembers lines and columns (hcl.go, yaml.go, tree.go), holds the tree against the schema
// that the struct tags spell out (schema.go, check.go), lays environment and flags over it (env.go), lets viper merge the layers and
// decode them (load.go, decode.go), and validates the result (validate.go, addresses.go). Every step collects [Problem]s instead of
// stopping at the first. [Write] prints a configuration in either language (write.go).
//
// # Invariants
//
//  1. The HCL and the YAML twin of a file give equal Configs.
//  2. A key that has no effect does not exist; a key that does not exist is an error with the nearest name.
//  3. A duration or size without a unit is an error; both are printed with units.
//  4. A flag beats the environment, the environment beats the file, the file beats the defaults.
//  5. A secret is never printed: not by Write, not in a Problem.
//
// # Concurrency
//
// There is no shared state. A loaded Config is not changed by anyone; a reload makes a new one.
package config
