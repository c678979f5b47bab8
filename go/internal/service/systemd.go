package service

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	_ "embed"
)

var (
	//go:embed units/gatewayd.service
	systemUnit string
	//go:embed units/gatewayd-user.service
	userUnit string
)

const (
	unitName = "gatewayd.service"
	written  = "# Written by 'gateway service install'.\n"

	systemStart = "ExecStart=/usr/bin/gatewayd --config /etc/tokligence/tokligence.yaml --data-dir ${STATE_DIRECTORY}"
	userStart   = "ExecStart=%h/.local/bin/gatewayd"
)

// Systemd is a unit of systemd. For the machine it is the one of the packages,
// and so are its user and its folder.
func Systemd(o Options) (*Unit, error) {
	u := &Unit{File: path.Join(o.Config, "systemd/user", unitName)}
	text, start, ctl := userUnit, userStart, []string{"systemctl", "--user"}
	u.Hint = "Keys of providers go into " + path.Join(o.Config, "tokligence/gatewayd.env") + ", one NAME=value a line.\n" +
		"'loginctl enable-linger' lets it run while you are not signed in."
	if o.System {
		if err := fitForSystem(o); err != nil {
			return nil, err
		}
		u.File = path.Join("/etc/systemd/system", unitName)
		text, start, ctl = systemUnit, systemStart, []string{"systemctl"}
		u.Hint = "Keys of providers go into /etc/tokligence/gatewayd.env, one NAME=value a line."
	}
	words := commandLine(o.Program, o.Flags, systemdWord)
	words[0] = strings.ReplaceAll(words[0], "$$", "$") // a variable cannot stand there
	line := "ExecStart=" + strings.Join(words, " ")
	if o.System {
		line += " --data-dir=${STATE_DIRECTORY}"
	}
	text, err := replaceOnce(text, start, line)
	if err != nil {
		return nil, err
	}
	do := func(args ...string) Step { return Step{Run: append(slices.Clone(ctl), args...)} }
	disable := do("disable", "--now", unitName)
	disable.May = true
	u.Install = []Step{{Write: u.File, Text: written + text}, do("daemon-reload"), do("enable", unitName)}
	u.Uninstall = []Step{disable, {Remove: u.File}, do("daemon-reload")}
	u.Start, u.Stop = []Step{do("start", unitName)}, []Step{do("stop", unitName)}
	u.query = do("show", unitName, "--property=LoadState,ActiveState,MainPID").Run
	u.read = func(said string, _ error) State {
		active := field(said, "ActiveState=")
		return State{
			Installed: field(said, "LoadState=") == "loaded", Running: active == "active" || active == "reloading",
			PID: count(field(said, "MainPID=")), Word: active,
		}
	}
	return u, nil
}

// fitForSystem refuses what the unit for the machine cannot run: it has no way
// into the folders of users, and a folder of its own for data.
func fitForSystem(o Options) error {
	for _, folder := range [...]string{"/home/", "/root/", "/run/user/", "/tmp/", "/var/tmp/"} {
		if strings.HasPrefix(o.Program, folder) {
			return fmt.Errorf("a service of the system cannot run %s: copy the program to /usr/local/bin and install from there, or use --user", o.Program)
		}
	}
	if o.Flags["data-dir"] != "" {
		return errors.New("--data-dir: a service of the system keeps its data in /var/lib/tokligence; use --user for another folder")
	}
	return nil
}

// Packaged reports whether a package of the system has brought the unit, which
// one of our own would hide.
func Packaged() (file string, ok bool) {
	for _, folder := range [...]string{"/usr/lib/systemd/system", "/lib/systemd/system"} {
		file = path.Join(folder, unitName)
		if _, err := os.Stat(file); err == nil {
			return file, true
		}
	}
	return "", false
}

// commandLine is gateway serve with its flags, in one order.
func commandLine(program string, flags map[string]string, word func(string) string) []string {
	line := []string{word(program), "serve"}
	for _, name := range slices.Sorted(maps.Keys(flags)) {
		line = append(line, word("--"+name+"="+flags[name]))
	}
	return line
}

// systemdWord writes one argument as systemd reads it: % and $ stand for
// something, blanks and quotes end a word.
func systemdWord(s string) string {
	s = strings.NewReplacer("%", "%%", "$", "$$", `\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`, "\r", `\r`).Replace(s)
	if strings.ContainsAny(s, " \\'\";") {
		return `"` + s + `"`
	}
	return s
}
