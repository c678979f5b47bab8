package config

import "os"

// WorkflowEnv is the file by which a step of a GitHub workflow sets variables
// for the steps that follow, "" outside of one.
func WorkflowEnv() string { return os.Getenv("GITHUB_ENV") }
