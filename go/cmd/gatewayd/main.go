// Command gatewayd is the daemon: gateway serve.
package main

import (
	"os"

	"github.com/tokligence/tokligence-gateway/go/internal/cli"
)

func main() { os.Exit(cli.Main("gatewayd", os.Args)) }
