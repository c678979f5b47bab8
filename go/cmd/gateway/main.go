// Command gateway sets up, inspects and runs the gateway.
package main

import (
	"os"

	"github.com/tokligence/tokligence-gateway/go/internal/cli"
)

func main() { os.Exit(cli.Main("gateway", os.Args)) }
