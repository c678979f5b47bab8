package service

import (
	"errors"
	"regexp"
	"strings"
)

const serviceName = "gatewayd"

// Accounts of Windows, by the ids that are the same in every language.
const (
	localService   = `NT AUTHORITY\LocalService`
	sidService     = "*S-1-5-19"
	sidSystem      = "*S-1-5-18"
	sidAdmins      = "*S-1-5-32-544"
	fullAndBeneath = ":(OI)(CI)F"
)

// SCM is a service of Windows. It runs as an account with few rights, which
// shares the data folder with administrators only.
func SCM(o Options) (*Unit, error) {
	if !o.System {
		return nil, errors.New("--user: a service of Windows is one of the machine")
	}
	flags := withData(o.Flags, o.Data)
	dir := flags["data-dir"]
	if dir == "" {
		return nil, errors.New("no data folder: name one with --data-dir")
	}
	line := strings.Join(commandLine(o.Program, flags, windowsWord), " ")
	stop := Step{Run: []string{"sc.exe", "stop", serviceName}}
	quiet := stop
	quiet.May = true
	u := &Unit{
		Install: []Step{
			{Folder: dir},
			{Run: []string{
				"icacls.exe", dir, "/inheritance:r", "/grant:r",
				sidService + fullAndBeneath, sidSystem + fullAndBeneath, sidAdmins + fullAndBeneath,
			}},
			{Run: []string{"sc.exe", "create", serviceName, "binPath=", line, "start=", "delayed-auto", "obj=", localService, "DisplayName=", "Tokligence Gateway"}},
			{Run: []string{"sc.exe", "failure", serviceName, "reset=", "3600", "actions=", "restart/2000/restart/10000/restart/60000"}},
			{Run: []string{"sc.exe", "failureflag", serviceName, "1"}}, // an error is a failure, as a crash is
		},
		Uninstall: []Step{quiet, {Run: []string{"sc.exe", "delete", serviceName}}},
		Start:     []Step{{Run: []string{"sc.exe", "start", serviceName}}},
		Stop:      []Step{stop},
		Hint:      "Keys of providers go into config.yaml in " + dir + ".",
		query:     []string{"sc.exe", "queryex", serviceName},
	}
	u.read = readSCM
	return u, nil
}

// withData adds a data folder to flags that name none.
func withData(flags map[string]string, dir string) map[string]string {
	out := map[string]string{"data-dir": dir}
	for name, value := range flags {
		out[name] = value
	}
	return out
}

// scmState finds the state, whose number is the same in every language.
var scmState = regexp.MustCompile(`:\s+([1-7])\s+([A-Z_]+)`)

// scmPID finds the process id.
var scmPID = regexp.MustCompile(`PID\s*:\s*([0-9]+)`)

func readSCM(said string, err error) State {
	m := scmState.FindStringSubmatch(said)
	if err != nil || m == nil {
		return State{}
	}
	s := State{Installed: true, Running: m[1] == "4", Word: strings.ToLower(m[2])}
	if pid := scmPID.FindStringSubmatch(said); pid != nil {
		s.PID = count(pid[1])
	}
	return s
}

// windowsWord writes one argument as programs of Windows read it. Backslashes
// count only before a quote, and paths hold none.
func windowsWord(s string) string {
	if !strings.ContainsAny(s, " \t\"") {
		return s
	}
	var b strings.Builder
	b.WriteByte('"')
	slashes := 0
	for _, c := range []byte(s) {
		switch c {
		case '\\':
			slashes++
			continue
		case '"':
			b.WriteString(strings.Repeat(`\`, 2*slashes+1))
		default:
			b.WriteString(strings.Repeat(`\`, slashes))
		}
		slashes = 0
		b.WriteByte(c)
	}
	b.WriteString(strings.Repeat(`\`, 2*slashes))
	b.WriteByte('"')
	return b.String()
}
