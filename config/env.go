package config

import (
	"fmt"
	"strings"

	"github.com/spf13/viper"
)

const envPrefix = "RAFTMQ_"

// envName is the variable of a dotted key: namesrv.addrs is RAFTMQ_NAMESRV_ADDRS. Settings inside broker groups have none.
func envName(key string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// setEnv lays the environment over the file. NAMESRV_ADDR, which RocketMQ users have set already, is the weaker name of
// RAFTMQ_NAMESRV_ADDRS.
func (l *loader) setEnv(v *viper.Viper) {
	byName := map[string]leaf{}
	var names []string
	for _, leaf := range l.schema.leaves("") {
		byName[envName(leaf.key)] = leaf
		names = append(names, envName(leaf.key))
	}
	if value, ok := lookupEnv(l.source.Env, "NAMESRV_ADDR"); ok && value != "" {
		l.setText(v, byName[envName("namesrv.addrs")], "NAMESRV_ADDR", value)
	}
	for _, entry := range l.source.Env {
		name, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, envPrefix) {
			continue
		}
		leaf, known := byName[name]
		if !known {
			p := Problem{Origin: name, Message: "no such setting"}
			if near := nearest(name, names); near != "" {
				p.Hint = fmt.Sprintf("did you mean %s?", near)
			} else if strings.HasPrefix(name, envPrefix+"BROKER") {
				p.Hint = "settings of a broker group can only be set in the file"
			}
			l.problems = append(l.problems, p)
			continue
		}
		l.setText(v, leaf, name, value)
	}
}

func lookupEnv(env []string, name string) (value string, ok bool) {
	for _, entry := range env {
		if n, v, _ := strings.Cut(entry, "="); n == name {
			value, ok = v, true
		}
	}
	return value, ok
}

// setFlags lays the command line over everything.
func (l *loader) setFlags(v *viper.Viper) {
	for _, leaf := range l.schema.leaves("") {
		if f, ok := l.source.Flags[leaf.key]; ok {
			l.setText(v, leaf, f.Name, f.Value)
		}
	}
}

// setText sets one key from a string, which origin says where it came from.
func (l *loader) setText(v *viper.Viper, to leaf, origin, value string) {
	parsed, err := to.parse(value, true)
	if err != nil {
		p := Problem{Key: to.key, Origin: origin, Message: err.Error()}
		if f, ok := err.(*fault); ok {
			p.Hint = f.hint
		}
		l.problems = append(l.problems, p)
		return
	}
	v.Set(to.key, parsed)
	l.origins[to.key] = origin
}
