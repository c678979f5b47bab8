package check

import (
	"debug/elf"
	"debug/macho"
	"debug/pe"
	"encoding/json"
	"strings"
	"testing"
)

func TestProgramsAreForTheirPlatforms(t *testing.T) {
	for _, a := range artifacts(t, "Binary") {
		t.Run(a.GOOS+"/"+a.GOARCH, func(t *testing.T) {
			switch a.GOOS {
			case "linux":
				checkELF(t, a)
			case "darwin":
				checkMachO(t, a)
			case "windows":
				checkPE(t, a)
			default:
				t.Errorf("nobody promised %s", a.GOOS)
			}
		})
	}
}

func checkELF(t *testing.T, a Artifact) {
	f, err := elf.Open(a.File())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if want := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[a.GOARCH]; f.Machine != want {
		t.Errorf("it is for %v", f.Machine)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("it is not static: %v", p.Type)
		}
	}
	if f.Section(".symtab") != nil {
		t.Error("it carries symbols")
	}
}

func checkMachO(t *testing.T, a Artifact) {
	f, err := macho.Open(a.File())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if want := map[string]macho.Cpu{"amd64": macho.CpuAmd64, "arm64": macho.CpuArm64}[a.GOARCH]; f.Cpu != want {
		t.Errorf("it is for %v", f.Cpu)
	}
}

func checkPE(t *testing.T, a Artifact) {
	f, err := pe.Open(a.File())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want := map[string]uint16{"amd64": pe.IMAGE_FILE_MACHINE_AMD64, "arm64": pe.IMAGE_FILE_MACHINE_ARM64}[a.GOARCH]
	if f.Machine != want {
		t.Errorf("it is for machine %#x", f.Machine)
	}
}

// The bill of materials names the product and what it is made of.
func TestBillsOfMaterials(t *testing.T) {
	version, err := Version()
	if err != nil {
		t.Fatal(err)
	}
	bills := artifacts(t, "SBOM")
	if n := len(artifacts(t, "Binary")); len(bills) != n {
		t.Errorf("%d bills for %d programs", len(bills), n)
	}
	for _, a := range bills {
		var bill struct {
			BomFormat string `json:"bomFormat"`
			Metadata  struct {
				Component struct {
					Version string `json:"version"`
				} `json:"component"`
			} `json:"metadata"`
			Components []struct {
				Purl string `json:"purl"`
			} `json:"components"`
		}
		if err := json.Unmarshal(read(t, a.File()), &bill); err != nil {
			t.Fatalf("%s: %v", a.Name, err)
		}
		if got := bill.Metadata.Component.Version; got != "v"+version {
			t.Errorf("%s is of version %q, want v%s", a.Name, got, version)
		}
		var all strings.Builder
		for _, c := range bill.Components {
			all.WriteString(c.Purl + "\n")
		}
		for _, part := range []string{"modernc.org/sqlite", "github.com/gin-gonic/gin", "golang.org/x/net"} {
			if bill.BomFormat != "CycloneDX" || !strings.Contains(all.String(), part) {
				t.Errorf("%s does not name %s", a.Name, part)
			}
		}
	}
}
