package lint

import (
	"go/ast"
	"strings"
	"testing"
)

// arrows lists, for each package, the packages of ours that it may import. Imports only point down; a package that
// is not listed here fails the test, so that its place is decided and not drifted into.
var arrows = map[string][]string{
	"cmd/raftmq":                 {"cmd/internal/cli"},
	"cmd/internal/cli":           {"*"},
	"console":                    {"broker", "broker/state", "raftlog", "raftlog/commitlog", "consumequeue", "internal/offset"},
	"broker":                     {"broker/state", "raftlog", "raftlog/commitlog", "consumequeue", "client", "remoting", "remoting/protocol", "remoting/message", "internal/offset", "internal/vfs"},
	"broker/state":               {"raftlog", "raftlog/commitlog", "consumequeue", "consumequeue/keyindex", "remoting/message", "internal/offset", "internal/vfs"},
	"namesrv":                    {"remoting", "remoting/protocol"},
	"bench":                      {"client", "config", "remoting", "remoting/protocol", "remoting/message", "internal/offset"},
	"client":                     {"remoting", "remoting/protocol", "remoting/message", "internal/offset"},
	"raftlog":                    {"raftlog/commitlog", "internal/offset", "internal/vfs"},
	"raftlog/commitlog":          {"internal/offset", "internal/vfs"},
	"consumequeue":               {"internal/offset", "internal/vfs"},
	"consumequeue/keyindex":      {"internal/offset", "internal/vfs"},
	"remoting":                   {"remoting/protocol"},
	"remoting/protocol":          {"remoting/protocol/fastjson"},
	"remoting/protocol/fastjson": {},
	"remoting/message":           {"internal/offset"},
	"config":                     {},
	"internal/offset":            {},
	"internal/vfs":               {},
	"internal/netsim":            {},
	"internal/lint":              {},
	"test/sim":                   {"*"},
	"test/cluster":               {"*"},
	"test/mutants":               {},
	"test/robustness":            {"*"},
}

func TestImportsPointDown(t *testing.T) {
	for _, s := range sources(t) {
		allowed, known := arrows[s.pkg]
		if !known {
			t.Errorf("%s: package %s has no place in the arrows of this test", s.path, s.pkg)
			continue
		}
		if s.test {
			continue // tests may reach for anything that does not make a cycle
		}
		for _, imp := range s.imports {
			rel, ours := strings.CutPrefix(imp, module+"/")
			if ours && !allows(allowed, rel) {
				t.Errorf("%s imports %s; %s may import %v", s.path, rel, s.pkg, allowed)
			}
		}
	}
}

func allows(allowed []string, pkg string) bool {
	for _, a := range allowed {
		if a == "*" || a == pkg {
			return true
		}
	}
	return false
}

// homes says where an outside package may be used: nowhere else, so that replacing it is one package's matter.
var homes = []struct {
	imports string // prefix
	in      []string
}{
	{"github.com/hashicorp/raft", []string{"raftlog"}},
	{"github.com/spf13/viper", []string{"config"}},
	{"github.com/hashicorp/hcl", []string{"config"}},
	{"github.com/spf13/cobra", []string{"cmd"}},
	{"go.etcd.io/bbolt", []string{"raftlog", "broker/state"}},
	{"net/http", []string{"console", "cmd", "bench"}},
	{"net", []string{"remoting", "raftlog", "console", "client", "cmd", "internal/netsim", "broker", "namesrv", "bench", "test"}},
	{"os/exec", []string{"cmd/internal/cli", "test/mutants", "test/cluster"}},
	{"unsafe", nil},
}

func TestOutsidePackagesStayAtHome(t *testing.T) {
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		for _, imp := range s.imports {
			for _, h := range homes {
				if (imp == h.imports || strings.HasPrefix(imp, h.imports+"/") && h.imports != "net") && !within(s.pkg, h.in...) {
					t.Errorf("%s imports %s, which belongs to %v", s.path, imp, h.in)
				}
			}
		}
	}
}

// fileCalls are the functions of package os that touch files.
var fileCalls = map[string]bool{"Open": true, "OpenFile": true, "Create": true, "ReadFile": true, "WriteFile": true, "Remove": true,
	"RemoveAll": true, "Rename": true, "Mkdir": true, "MkdirAll": true, "ReadDir": true, "Stat": true, "Lstat": true, "Link": true, "Symlink": true, "Truncate": true}

func TestFilesAreTouchedThroughVFS(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || within(s.pkg, "internal/vfs", "config", "cmd/internal/cli", "test", "bench") {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if id, ok := sel.X.(*ast.Ident); ok && id.Name == "os" && id.Obj == nil && fileCalls[sel.Sel.Name] {
				t.Errorf("%s: os.%s outside internal/vfs", s.fset.Position(n.Pos()), sel.Sel.Name)
			}
			return true
		})
	}
}
