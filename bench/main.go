// Command bench measures what the gateway costs beside nginx: CPU per request
// and per streamed chunk, memory per open stream, upstream connections, time
// to the first answer. Everything runs on this machine's loopback, against a
// scripted upstream of its own.
//
//	go run . -gateway ../bin/gatewayd
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "mock" {
		mock(os.Args[2])
		return
	}
	var s settings
	flag.StringVar(&s.gateway, "gateway", "../bin/gatewayd", "the program to measure")
	flag.StringVar(&s.nginx, "nginx", "nginx", "the yardstick")
	flag.IntVar(&s.rounds, "rounds", 5, "rounds of each scenario; the middle one is reported")
	flag.DurationVar(&s.slice, "slice", 2*time.Second, "length of a round")
	flag.StringVar(&s.only, "only", "", "only scenarios whose name holds this")
	flag.Parse()
	if err := run(s); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// settled is how long after its first answer a gateway is taken to be idle.
const settled = 3 * time.Second

type settings struct {
	gateway, nginx, only string
	rounds               int
	slice                time.Duration
}

func run(s settings) error {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	up, err := startMock()
	if err != nil {
		return err
	}
	defer up.stop()
	var targets []*process
	if _, err := exec.LookPath(s.nginx); err == nil {
		ng, err := startNginx(s.nginx, dir, up.addr)
		if err != nil {
			return err
		}
		defer ng.stop()
		targets = append(targets, ng)
	} else {
		fmt.Println("nginx is not installed: no ratios, only figures of the gateway itself")
	}
	started := time.Now()
	gw, err := startGateway(s.gateway, dir, up.addr)
	if err != nil {
		return err
	}
	defer gw.stop()
	if err := gw.once(chatBody("bench", false, 1<<10)); err != nil {
		return err
	}
	first := time.Since(started)
	time.Sleep(settled)
	idle := gw.rss()
	targets = append(targets, gw)

	fmt.Printf("start to first answer: %d ms\nidle memory: %.1f MB\n\n", first.Milliseconds(), float64(idle)/(1<<20))
	fmt.Println("| scenario | unit | nginx | gateway | ratio | errors |\n|---|---|---|---|---|---|")
	for _, sc := range scenarios() {
		if s.only != "" && !strings.Contains(sc.name, s.only) {
			continue
		}
		figures := make(map[string]result)
		for range s.rounds {
			for _, t := range targets { // side by side, round by round: noise hits both
				r, err := sc.run(t, up, s.slice)
				if err != nil {
					return fmt.Errorf("%s on %s: %w", sc.name, t.name, err)
				}
				figures[t.name] = figures[t.name].add(r)
			}
		}
		report(sc, figures["nginx"], figures["gateway"])
	}
	return nil
}

func report(sc scenario, ng, gw result) {
	ratio, yard := "–", "–"
	if len(ng.costs) > 0 {
		yard = fmt.Sprintf("%.1f", ng.middle())
		ratio = fmt.Sprintf("%.2f", gw.middle()/ng.middle())
	}
	fmt.Printf("| %s | %s | %s | %.1f | %s | %d |\n", sc.name, sc.unit, yard, gw.middle(), ratio, ng.errors+gw.errors)
}
