package main

// mutant is one known fault.
type mutant struct {
	name, what string
	file       string // from the project's root
	is         string // stands in the file exactly once …
	becomes    string // … and is replaced by this
	pkg, test  string // the shortest test that finds it: package and -run
	args       []string
}

var (
	commitlogTests = "raftlog/commitlog"
	simTests       = "test/sim"
)

// mutants are the faults of reliability.md 5.7 whose features exist, and some more.
var mutants = []mutant{
	{
		name: "no-log-sync", what: "the log is not fsynced",
		file: "raftlog/commitlog/append.go", is: "if l.w.synced {\n\t\tif err := l.calls", becomes: "if false {\n\t\tif err := l.calls",
		pkg: simTests, test: "TestPowerCuts", args: []string{"-cuts", "24"},
	},
	{
		name: "no-dir-sync", what: "a new segment's name is not fsynced",
		file: "raftlog/commitlog/spare.go", is: "if err := fsys.SyncDir(dir); err != nil {", becomes: "if err := error(nil); err != nil {",
		pkg: commitlogTests, test: "TestCrashAfterEveryOperation",
	},
	{
		name: "no-term-on-disk", what: "term and vote are kept in memory only",
		file: "raftlog/stablestore.go", is: "\tdefer s.began.Store(0)\n", becomes: "\tdefer s.began.Store(0)\n\tif key != \"\" {\n\t\treturn nil\n\t}\n",
		pkg: simTests, test: "TestPowerCuts", args: []string{"-cuts", "4"},
	},
	{
		name: "ack-before-followers", what: "the leader counts a follower that has not answered",
		file: "raftlog/pipeline.go", is: "for _, part := range f.parts {\n\t\tp.link.SetReadDeadline",
		becomes: "last := uint64(0)\n\tif n := len(f.request.Entries); n > 0 {\n\t\tlast = f.request.Entries[n-1].Index\n\t}\n\t*f.response = raft.AppendEntriesResponse{Term: f.request.Term, LastLog: last, Success: true}\n\tfor _, part := range f.parts[:0] {\n\t\tp.link.SetReadDeadline",
		pkg:     simTests, test: "TestPowerCuts", args: []string{"-cuts", "96"},
	},
	{
		name: "ack-before-own-sync", what: "the leader counts its own copy before it is durable",
		file: "raftlog/transport.go", is: "return t.durable(offset.Index(", becomes: "return nil\n\treturn t.durable(offset.Index(",
		pkg: "raftlog", test: "TestNothingIsCommittedBeforeTheLeaderHasItDurably",
	},
	{
		name: "ack-alone-unsynced", what: "a leader that is alone does not wait for its fsync",
		file: "raftlog/instance.go", is: "&& others(r, n.ID()) > 0", becomes: "",
		pkg: "raftlog", test: "TestALeaderAloneWaitsForItsDisk",
	},
	{
		name: "ack-on-deposed-leader", what: "a send whose outcome is unknown is answered with success",
		file: "broker/handle_send.go", is: "\tif o.Err != nil {\n\t\ts.gate.settle(r, o.Err)\n\t\treturn\n\t}",
		becomes: "\tif o.Err != nil && o.Err.Error()[:7] == \"outcome\" {\n\t\to.Err, o.Results = nil, make([]raftlog.Result, op.count())\n\t}\n\tif o.Err != nil {\n\t\ts.gate.settle(r, o.Err)\n\t\treturn\n\t}",
		pkg:     simTests, test: "TestInterleaving04",
	},
	{
		name: "retry-sync", what: "a failed fsync is tried again, and believed",
		file: "raftlog/commitlog/append.go", is: "if err := l.calls.watch(l.w.active.file.Sync); err != nil {", becomes: "if err := l.calls.watch(l.w.active.file.Sync); err != nil && l.calls.watch(l.w.active.file.Sync) != nil {",
		pkg: commitlogTests, test: "TestFailedWriteLatches",
	},
	{
		name: "ignore-mark", what: "recovery cuts the log below the durable mark",
		file: "raftlog/commitlog/recover.go", is: "if end.position < r.side.mark {", becomes: "if false {",
		pkg: commitlogTests, test: "TestFlippedBits|TestCutFiles|TestDamage",
	},
	{
		name: "truncate-at-damage", what: "recovery cuts the log at damage in its middle",
		file: "raftlog/commitlog/recover.go", is: "\tif ok {\n\t\treturn &DamageError", becomes: "\tif ok && false {\n\t\treturn &DamageError",
		pkg: commitlogTests, test: "TestFlippedBits|TestDamage|TestCrash",
	},
	{
		name: "truncate-in-memory", what: "a truncation does not reach the disk",
		file: "raftlog/commitlog/truncate.go", is: "err = l.calls.watch(func() error { return truncateFiles(l.fs, l.opts.Dir, target.position) })", becomes: "err = nil",
		pkg: commitlogTests, test: "TestLogProperty",
	},
	{
		name: "cache-not-truncated", what: "entries that were truncated are still served from memory",
		file: "raftlog/commitlog/truncate.go", is: "\tl.cache.truncate(target.index)\n", becomes: "",
		pkg: commitlogTests, test: "TestLogProperty",
	},
	{
		name: "delete-below-commit", what: "committed entries may be truncated",
		file: "raftlog/commitlog/truncate.go", is: "case from <= l.committed || from < l.first.index:", becomes: "case from < l.first.index:",
		pkg: commitlogTests, test: "TestTruncationIsProtected",
	},
	{
		name: "no-rewrite", what: "after a crash the unsynced end is believed and not written again",
		file: "raftlog/commitlog/open.go", is: "if err := r.rewrite(seg); err != nil {", becomes: "if err := error(nil); err != nil && seg != nil {",
		pkg: commitlogTests, test: "TestFailEveryOperation|TestCrash|TestLogProperty",
	},
	{
		name: "half-vote", what: "the term of a vote reaches the disk before its candidate",
		file: "raftlog/stablestore.go", is: "\t\ts.voteTerm = value\n\t\treturn nil\n",
		becomes: "\t\ts.voteTerm = value\n\t\tif s.vote == nil {\n\t\t\treturn nil\n\t\t}\n\t\ts.vote = append(binary.BigEndian.AppendUint64(nil, value), s.vote[8:]...)\n\t\treturn s.write(keyVote, s.vote)\n",
		pkg:     "raftlog", test: "TestHalfAVoteIsNoVote",
	},
	{
		name: "wiped-keeps-id", what: "a member whose disk was emptied comes back under its old identity",
		file: "raftlog/identity.go", is: "\trand.Read(u[:]) // never fails\n", becomes: "\trand.Read(u[:0])\n",
		pkg: "raftlog", test: "TestAWipedMemberIsNoMemberUntilItIsAdded",
	},
	{
		name: "forged-peer", what: "the proof of a peer is not looked at",
		file: "raftlog/handshake.go", is: "if hmac.Equal(mac[:], proof(secret, \"client\", said, answered)) {", becomes: "if hmac.Equal(mac[:], mac[:]) {",
		pkg: "raftlog", test: "TestTheHandshakeProvesTheSecretBothWays|TestAReflectedProofIsNoProof|TestAForgedPeerHasNoEffect",
	},
	{
		name: "unverified-entries", what: "entries of a peer are taken without their checksums",
		file: "raftlog/serve.go", is: "\t\tif err := verifyEntry(e); err != nil {", becomes: "\t\tif err := verifyEntry(e); err != nil && false {",
		pkg: "raftlog", test: "TestEntriesThatRaftMustNotSeeAreRefused",
	},
	{
		name: "image-not-synced", what: "an image has its name before its bytes are on the disk",
		file: "raftlog/imagefile.go", is: "\t\tw.err = w.file.Sync()\n", becomes: "\t\tw.err = nil\n",
		pkg: "raftlog", test: "TestAnInstallSurvivesACrashAtEveryStep|TestAnImageIsPublishedWholeOrNotAtAll",
	},
	{
		name: "apply-twice", what: "entries are applied again after a restart",
		file: "broker/state/state.go", is: "\tif e.Index <= m.meta.applied {\n\t\treturn nil\n\t}\n", becomes: "",
		pkg: "broker/state", test: "TestEntriesThatWereAppliedAreSkipped",
	},
	{
		name: "applied-index-left-out", what: "the applied index is not in the transaction of its state",
		file: "broker/state/database.go", is: "\t\tw.put(tableMeta, \"\", f.meta)\n\t\treturn w.err\n", becomes: "\t\tif tx.Bucket(bucketName(tableMeta)) == nil {\n\t\t\tw.put(tableMeta, \"\", f.meta)\n\t\t}\n\t\treturn w.err\n",
		pkg: "broker/state", test: "TestRestartGoesOnWhereItStood|TestCrashAtEveryStep",
	},
	{
		name: "state-before-queues", what: "state.db is committed before the queues are on the disk",
		file: "broker/state/checkpoint.go", is: "\t\tif err := s.store.Flush(f.tails); err != nil {\n\t\t\treturn err\n\t\t}\n\t\tif err := s.db.commit(f); err != nil {\n\t\t\treturn err\n\t\t}\n",
		becomes: "\t\tif err := s.db.commit(f); err != nil {\n\t\t\treturn err\n\t\t}\n\t\tif err := s.store.Flush(f.tails); err != nil {\n\t\t\treturn err\n\t\t}\n",
		pkg:     "broker/state", test: "TestCrashAtEveryStep",
	},
	{
		name: "queue-one-ahead", what: "the answer's queue offset is one ahead",
		file: "broker/state/apply_message.go", is: "r.Code, r.Queue = OK, at\n", becomes: "r.Code, r.Queue = OK, at+1\n",
		pkg: simTests, test: "TestInterleaving01",
	},
	{
		name: "results-exchanged", what: "the results of a batch go to the wrong messages",
		file: "broker/state/apply.go", is: "\t\tr := &results[n]\n", becomes: "\t\tr := &results[len(results)-1-n]\n",
		pkg: simTests, test: "TestInterleaving06",
	},
	{
		name: "unit-of-another-message", what: "a unit of a consume queue points beside its message",
		file: "broker/state/apply_message.go", is: "consumequeue.Unit{Position: r.Position, Size: sub.Size,", becomes: "consumequeue.Unit{Position: r.Position + 1, Size: sub.Size,",
		pkg: simTests, test: "TestInterleaving01",
	},
	{
		name: "released-twice", what: "the release of delayed messages does not look whether they were released",
		file: "broker/state/apply_control.go", is: "\tif m.delay[level] != from {\n", becomes: "\tif m.delay[level] != from && false {\n",
		pkg: "broker/state", test: "TestDelaySpans",
	},
	{
		name: "released-early", what: "delayed messages are released before they are due",
		file: "broker/delay.go", is: "units[due].TagsCode <= now {", becomes: "units[due].TagsCode <= now+500 {",
		pkg: simTests, test: "TestInterleaving06",
	},
	{
		name: "commit-not-replicated", what: "an offset commit is answered by the leader alone",
		file: "broker/handle_offset.go", is: "\treturn h.proposer.ProposeReserved(state.AppendCommitOffsets(nil, []state.OffsetCommit{c}), 1, &answer{r: r, gate: h.gate})\n", becomes: "\th.gather.add(c)\n\tr.succeed(nil, nil)\n\treturn nil\n",
		pkg: simTests, test: "TestInterleaving07",
	},
	{
		name: "old-commit-after-reset", what: "a commit from before a reset of the offset counts",
		file: "broker/state/apply_offsets.go", is: "case is != nil && c.generation == is.generation && c.offset != is.offset && !ResetUntold(is.generation):", becomes: "case is != nil && c.offset != is.offset:",
		pkg: "broker/state", test: "TestConsumerOffsets",
	},
	{
		name: "stale-answers", what: "a follower answers as if it had everything",
		file: "broker/member.go", is: "func (m *member) leads() bool { return m.broker.roles.load().ready && m.node.LeaseValid() }", becomes: "func (m *member) leads() bool { return true }",
		pkg: simTests, test: "TestInterleaving06",
	},
	{
		name: "forward-again", what: "a forwarded request whose answer is lost is forwarded again",
		file: "broker/forward.go", is: "\t\tr.fail(refuse(errOutcomeUnknown, \"forwarded to the leader, which did not answer: %v\", err))\n", becomes: "\t\tf.gate.park(r, errNoLeader)\n",
		pkg: simTests, test: "TestNothingIsForwardedTwice",
	},
	{
		name: "clock-goes-back", what: "a new leader's store timestamps begin before those of the old one",
		file: "broker/leader.go", is: "\tl.store.raise(l.state.WallTime())\n", becomes: "",
		pkg: simTests, test: "TestInterleaving09",
	},
	{
		name: "route-of-an-old-term", what: "a NameServer lets a leader of an older term register",
		file: "namesrv/table.go", is: "\tif term < g.term {\n", becomes: "\tif false {\n",
		pkg: "namesrv", test: "TestTable",
	},
	{
		name: "code-without-class", what: "an admin request is served to anybody",
		file: "broker/dispatch.go", is: "if r.rule.class == protocol.Admin && !d.admin.Load().allows(r.client) {", becomes: "if false {",
		pkg: "broker", test: "TestUnknownAndAdminRequests",
	},
	{
		name: "log-kept-for-nobody", what: "retention does not wait for a voter that is behind",
		file: "broker/retention.go", is: "\t\tneeded = min(needed, m.MatchIndex)\n", becomes: "",
		pkg: "broker", test: "TestNeededIndexIsThatOfTheSlowestVoterHeardFrom",
	},
}
