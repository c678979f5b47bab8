package service

import (
	"encoding/xml"
	"errors"
	"fmt"
	"path"
	"strings"

	_ "embed"
)

//go:embed units/com.tokligence.gatewayd.plist
var plist string

const (
	label      = "com.tokligence.gatewayd"
	plistStart = "\t\t<string>/usr/local/bin/gatewayd</string>\n"
)

// errRoot is why there is no daemon of the machine: launchd would run it as
// root, from files that may be those of users.
var errRoot = errors.New("on macOS the gateway is a service of a user, never of root; run 'gateway service install --user' as that user, without sudo")

// Launchd is a unit of launchd: an agent of a user.
func Launchd(o Options) (*Unit, error) {
	if o.System || o.UID == 0 {
		return nil, errRoot
	}
	domain := fmt.Sprintf("gui/%d", o.UID)
	u := &Unit{File: path.Join(o.Home, "Library/LaunchAgents", label+".plist"), Hint: "Keys of providers go into ~/.tokligence/config.yaml; 'gateway init' writes it."}
	var args strings.Builder
	for _, word := range commandLine(o.Program, o.Flags, func(s string) string { return s }) {
		args.WriteString("\t\t<string>")
		if err := xml.EscapeText(&args, []byte(word)); err != nil {
			return nil, err
		}
		args.WriteString("</string>\n")
	}
	text, err := replaceOnce(plist, plistStart, args.String())
	if err != nil {
		return nil, err
	}
	target := domain + "/" + label
	out := Step{Run: []string{"launchctl", "bootout", target}, May: true}
	u.Install = []Step{{Write: u.File, Text: text}, {Run: []string{"launchctl", "enable", target}}}
	u.Uninstall = []Step{out, {Remove: u.File}}
	// It may be loaded already, and is started by that.
	u.Start = []Step{{Run: []string{"launchctl", "bootstrap", domain, u.File}, May: true}, {Run: []string{"launchctl", "kickstart", target}}}
	u.Stop = []Step{{Run: out.Run}}
	u.query = []string{"launchctl", "print", target}
	u.read = func(said string, err error) State {
		word := field(said, "state = ")
		return State{Installed: err == nil, Running: err == nil && word == "running", PID: count(field(said, "pid = ")), Word: word}
	}
	return u, nil
}
