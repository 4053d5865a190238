package frame

import (
	"encoding/json"
	"fmt"
	"net"
	"regexp"
	"time"
)

const requestTimeout = 5 * time.Second

// Call sends one request on a connection of its own and returns the answer.
func Call(addr string, h Header, body []byte) (Frame, error) {
	conn, err := net.DialTimeout("tcp", addr, requestTimeout)
	if err != nil {
		return Frame{}, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(requestTimeout)); err != nil {
		return Frame{}, err
	}
	if _, err := conn.Write(Encode(h, body)); err != nil {
		return Frame{}, err
	}
	return Read(conn)
}

// Route is what a NameServer says about a topic.
type Route struct {
	Brokers []struct {
		BrokerName  string            `json:"brokerName"`
		Cluster     string            `json:"cluster"`
		BrokerAddrs map[string]string `json:"brokerAddrs"`
	} `json:"brokerDatas"`
	Queues []struct {
		BrokerName     string `json:"brokerName"`
		ReadQueueNums  int    `json:"readQueueNums"`
		WriteQueueNums int    `json:"writeQueueNums"`
		Perm           int    `json:"perm"`
	} `json:"queueDatas"`
}

// Leaders are the addresses registered with broker id 0, one for each group that has one.
func (r Route) Leaders() []string {
	var addrs []string
	for _, broker := range r.Brokers {
		if addr := broker.BrokerAddrs["0"]; addr != "" {
			addrs = append(addrs, addr)
		}
	}
	return addrs
}

// bareKey is a broker id that fastjson left without quotes.
var bareKey = regexp.MustCompile(`([{,])(\d+):`)

// QueryRoute asks a NameServer for a topic (request 105). A topic without a route is an error that names the code.
func QueryRoute(namesrv, topic string) (Route, error) {
	answer, err := Call(namesrv, Header{Code: 105, ExtFields: map[string]string{"topic": topic}}, nil)
	if err != nil {
		return Route{}, fmt.Errorf("route of %s from %s: %w", topic, namesrv, err)
	}
	if answer.Code != 0 {
		return Route{}, fmt.Errorf("route of %s from %s: code %d: %s", topic, namesrv, answer.Code, answer.Remark)
	}
	var route Route
	body := bareKey.ReplaceAll(answer.Body(), []byte(`$1"$2":`))
	if err := json.Unmarshal(body, &route); err != nil {
		return Route{}, fmt.Errorf("route of %s from %s: %w", topic, namesrv, err)
	}
	return route, nil
}
