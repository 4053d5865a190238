package config

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// TestDeployExamples loads the files that users copy.
func TestDeployExamples(t *testing.T) {
	files, err := filepath.Glob("../deploy/*.hcl")
	if err != nil || len(files) < 2 {
		t.Fatalf("examples: %v, %v", files, err)
	}
	for _, file := range files {
		hcl := load(t, Source{File: file})
		yaml := load(t, Source{File: strings.TrimSuffix(file, ".hcl") + ".yaml"})
		if !reflect.DeepEqual(hcl.Config, yaml.Config) {
			t.Errorf("%s and its twin differ:\n%+v\n%+v", file, hcl.Config, yaml.Config)
		}
		for _, node := range hcl.Nodes() {
			load(t, Source{File: file, Flags: map[string]Flag{"node": {"--node", node}}})
		}
	}
}
