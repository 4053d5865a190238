package config

import "testing"

func TestAdminPortsOfNodesOnOneHost(t *testing.T) {
	l := load(t, Source{File: "testdata/three-node.hcl"})
	for _, node := range []string{"n0", "n1", "n2"} {
		if got := l.AdminAddress(node); got != "127.0.0.1:8082" {
			t.Errorf("%s on a host of its own: %s", node, got)
		}
	}
	for i := range l.Brokers[0].Peers {
		l.Brokers[0].Peers[i].Client = "10.0.0.10:1091" + string(rune('0'+i))
	}
	for node, want := range map[string]string{"n0": "127.0.0.1:8082", "n1": "127.0.0.1:8083", "n2": "127.0.0.1:8084"} {
		if got := l.AdminAddress(node); got != want {
			t.Errorf("%s on the shared host: %s, want %s", node, got, want)
		}
	}
	l.Brokers[0].Peers[1].Admin = "10.0.0.10:9000"
	if got := l.AdminAddress("n1"); got != "10.0.0.10:9000" {
		t.Errorf("its own admin address: %s", got)
	}
}

func TestBind(t *testing.T) {
	tests := []struct{ listen, advertised, want string }{
		{"", "10.0.0.10:10911", ":10911"},
		{"", "broker.example.com:10911", ":10911"},
		{"", "127.0.0.1:10911", "127.0.0.1:10911"},
		{"", "localhost:10911", "localhost:10911"},
		{"0.0.0.0", "127.0.0.1:10911", "0.0.0.0:10911"},
		{"::", "[fe80::1]:10911", "[::]:10911"},
	}
	for _, tt := range tests {
		b := Broker{Listen: tt.listen}
		if got := b.Bind(tt.advertised); got != tt.want {
			t.Errorf("listen %q, advertised %s: %s, want %s", tt.listen, tt.advertised, got, tt.want)
		}
	}
}

func TestVIPIsTwoPortsBelow(t *testing.T) {
	b := Broker{VIPChannel: true}
	for client, want := range map[string]string{"127.0.0.1:10911": "127.0.0.1:10909", "h:2": "", "h": ""} {
		if got := b.VIP(client); got != want {
			t.Errorf("%s: %q, want %q", client, got, want)
		}
	}
	if b.VIPChannel = false; b.VIP("127.0.0.1:10911") != "" {
		t.Error("a VIP port although it is off")
	}
}
