package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// answerBytesMax bounds what a Client reads of one answer.
const answerBytesMax = 16 << 20

// Client calls the admin port of one process. Requests last as long as their context; changes follow once to the leader.
type Client struct {
	Address string // host:port
	Token   string // for changes from elsewhere than loopback
}

// RefusedError is an answer other than success.
type RefusedError struct {
	Status int
	Failure
}

func (e *RefusedError) Error() string { return e.Failure.Error }

// Process asks what runs in the process.
func (c Client) Process(ctx context.Context) (Process, error) {
	var p Process
	return p, c.call(ctx, http.MethodGet, "/v1/cluster", nil, &p)
}

// Raft asks a member for its view of its Raft group.
func (c Client) Raft(ctx context.Context, group string) (Raft, error) {
	var r Raft
	return r, c.call(ctx, http.MethodGet, groupPath(group, "raft"), nil, &r)
}

// Topics lists the topics of a group.
func (c Client) Topics(ctx context.Context, group string) ([]Topic, error) {
	var t []Topic
	return t, c.call(ctx, http.MethodGet, groupPath(group, "topics"), nil, &t)
}

// Transfer hands leadership of a group to a node, or to the most advanced one if node is empty.
func (c Client) Transfer(ctx context.Context, group, node string) error {
	return c.change(ctx, http.MethodPost, groupPath(group, "raft", "transfer"), Transfer{To: node}, nil)
}

// Boundary makes an image of the state on every member and returns its index.
func (c Client) Boundary(ctx context.Context, group string) (uint64, error) {
	var b Boundary
	err := c.change(ctx, http.MethodPost, groupPath(group, "raft", "boundary"), nil, &b)
	return b.Index, err
}

// AddMember adds a member and returns when it has been promoted, or added if it is to be no voter.
func (c Client) AddMember(ctx context.Context, group string, m NewMember) error {
	return c.change(ctx, http.MethodPost, groupPath(group, "members"), m, nil)
}

// RemoveMember removes a member by node name or name@instance.
func (c Client) RemoveMember(ctx context.Context, group, member string) error {
	return c.change(ctx, http.MethodDelete, groupPath(group, "members", member), nil, nil)
}

// DemoteMember makes a voter a non-voter.
func (c Client) DemoteMember(ctx context.Context, group, member string) error {
	return c.change(ctx, http.MethodPost, groupPath(group, "members", member, "demote"), nil, nil)
}

func groupPath(group string, rest ...string) string {
	path := "/v1/groups/" + url.PathEscape(group)
	for _, r := range rest {
		path += "/" + url.PathEscape(r)
	}
	return path
}

// change is call, repeated at the leader's admin port when the member is not the leader and says where that is.
func (c Client) change(ctx context.Context, method, path string, body, out any) error {
	err := c.call(ctx, method, path, body, out)
	var refused *RefusedError
	if !errors.As(err, &refused) || refused.Status != http.StatusConflict {
		return err
	}
	if refused.LeaderAdmin == "" || refused.LeaderAdmin == c.Address {
		return fmt.Errorf("%w: the leader is %q and its admin port is not known here; give it with --admin", err, refused.Leader)
	}
	return Client{Address: refused.LeaderAdmin, Token: c.Token}.call(ctx, method, path, body, out)
}

func (c Client) call(ctx context.Context, method, path string, body, out any) error {
	var sent io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		sent = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+c.Address+path, sent)
	if err != nil {
		return err
	}
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
	resp, err := transport().RoundTrip(req)
	if err != nil {
		return fmt.Errorf("admin port %s: %w", c.Address, err)
	}
	defer resp.Body.Close()
	return c.decode(resp, out)
}

// transport is one connection for one request: commands make few, to many processes. Proxies of the environment are not asked.
func transport() *http.Transport { return &http.Transport{DisableKeepAlives: true} }

func (c Client) decode(resp *http.Response, out any) error {
	b, err := io.ReadAll(io.LimitReader(resp.Body, answerBytesMax))
	if err != nil {
		return fmt.Errorf("admin port %s: %w", c.Address, err)
	}
	if resp.StatusCode != http.StatusOK {
		refused := &RefusedError{Status: resp.StatusCode}
		if json.Unmarshal(b, &refused.Failure) != nil || refused.Failure.Error == "" {
			refused.Failure.Error = fmt.Sprintf("admin port %s answers %s", c.Address, resp.Status)
		}
		return refused
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("admin port %s: %w", c.Address, err)
	}
	return nil
}
