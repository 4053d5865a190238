package config

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)

// wellFormed checks a string, or each of a list, against the form of the field.
func (f *field) wellFormed(v any) error {
	switch v := v.(type) {
	case string:
		if v == "" && (f.optional || f.form == "") {
			return nil
		}
		return checkForm(f.form, v)
	case []string:
		for _, s := range v {
			if err := checkForm(f.form, s); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkForm(form, s string) error {
	switch form {
	case "name":
		if !nameForm.MatchString(s) {
			return &fault{fmt.Sprintf("%q is not a name", s), "use 1 to 64 letters, digits, - and _, beginning with a letter or digit"}
		}
	case "address":
		return checkAddress(s)
	case "listen":
		_, _, err := SplitAddress(s)
		return err
	case "host":
		if strings.ContainsAny(s, ":/ ") && !isIP(s) {
			return &fault{fmt.Sprintf("%q is not a host", s), "write an address without a port, e.g. \"0.0.0.0\""}
		}
	case "network":
		if _, err := netip.ParsePrefix(s); err != nil {
			return &fault{fmt.Sprintf("%q is not a network", s), "write it as \"10.0.0.0/8\" or \"192.168.1.7/32\""}
		}
	case "time":
		if _, err := ParseTimeOfDay(s); err != nil {
			return err
		}
	case "levels":
		return checkLevels(s)
	}
	return nil
}

// ParseTimeOfDay reads "04:30" as the time since midnight.
func ParseTimeOfDay(s string) (time.Duration, error) {
	t, err := time.Parse("15:04", s)
	if err != nil {
		return 0, &fault{fmt.Sprintf("%q is not a time of day", s), `write it as "04:00"`}
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, nil
}

// checkAddress wants an address that others can dial.
func checkAddress(s string) error {
	host, port, err := SplitAddress(s)
	if err != nil {
		return err
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		return &fault{fmt.Sprintf("%q has no host that others can reach", s), fmt.Sprintf("write the address that they dial, e.g. \"10.0.0.10:%d\"", port)}
	}
	if port == 0 {
		return &fault{fmt.Sprintf("%q: others cannot dial port 0", s), ""}
	}
	return nil
}

// SplitAddress splits "host:port". The host may be empty; the port is 0 to 65535.
func SplitAddress(s string) (host string, port int, err error) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return "", 0, &fault{fmt.Sprintf("%q has no port", s), "write it as host:port"}
	}
	host = strings.TrimSuffix(strings.TrimPrefix(s[:i], "["), "]")
	if strings.ContainsAny(host, " /\"") || strings.Contains(host, ":") && !isIP(host) {
		return "", 0, &fault{fmt.Sprintf("%q is not a host", host), "write it as host:port, an IPv6 address in brackets"}
	}
	n, err := strconv.ParseUint(s[i+1:], 10, 16)
	if err != nil {
		return "", 0, &fault{fmt.Sprintf("%q is not a port", s[i+1:]), "ports are 1 to 65535"}
	}
	return host, int(n), nil
}

// JoinAddress is the inverse of SplitAddress.
func JoinAddress(host string, port int) string {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host + ":" + strconv.Itoa(port)
}

func isIP(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}

// IsLoopback reports whether host is a loopback address or "localhost".
func IsLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// checkLevels wants RocketMQ's messageDelayLevel: durations that never become shorter.
func checkLevels(s string) error {
	levels := strings.Fields(s)
	if len(levels) == 0 || len(levels) > 64 {
		return &fault{"needs 1 to 64 delays", `write e.g. "1s 5s 10s 30s 1m"`}
	}
	for _, l := range levels {
		if d, err := ParseDuration(l); err != nil {
			return err
		} else if d <= 0 {
			return &fault{fmt.Sprintf("delay %q is not above zero", l), ""}
		}
	}
	return nil
}
