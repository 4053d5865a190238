package cli

import (
	"slices"
	"strings"
)

// This file lets command lines of RocketMQ's producer.sh and consumer.sh work: "raftmq bench produce -o rocketmq -n ns:9876 -t T -w 64 -s 128 -k true
// -ri 1000". -n, -t, -w, -s, -q, -l, -p and -g are flags of ours with the same meaning. The others are turned into ours, left out where they ask
// for what is so anyway, or refused.

// rocketMQOption turns the value of an option into arguments of ours; why is not "" when it cannot be had.
type rocketMQOption func(value string) (ours []string, why string)

var rocketMQProduce = map[string]rocketMQOption{
	"-ri": millisOption("--interval"),
	"-ch": renamed("--compress-above"),
	"-ct": onlyValue("zlib", "bodies are compressed with zlib"),
	"-cl": onlyValue("5", "the level is 5"),
	"-k":  switched("--keys"),
	"-c":  switched("--compress"),
	"-y":  func(string) ([]string, string) { return nil, "" }, // every send is asynchronous
	"-m":  onlyValue("false", "there is no message trace"),
	"-a":  onlyValue("false", "there are no credentials"),
	"-d":  onlyValue("false", "messages are not delayed"),
	"-e":  onlyValue("1", "messages are not delayed"),
	"-ak": never("there are no credentials"),
	"-sk": never("there are no credentials"),
	"-b":  never("messages are sent one by one"),
}

var rocketMQConsume = map[string]rocketMQOption{
	"-ri": millisOption("--interval"),
	"-p":  onlyValue("false", "no group is joined"),
	"-f":  onlyValue("tag", "there is no filter"),
	"-e":  onlyValue("*", "there is no filter"),
	"-r":  onlyValue("0", "no message fails"),
	"-m":  onlyValue("false", "there is no message trace"),
	"-a":  onlyValue("false", "there are no credentials"),
	"-ak": never("there are no credentials"),
	"-sk": never("there are no credentials"),
}

func millisOption(flag string) rocketMQOption {
	return func(value string) ([]string, string) { return []string{flag, value + "ms"}, "" }
}

func renamed(flag string) rocketMQOption {
	return func(value string) ([]string, string) { return []string{flag, value}, "" }
}

func switched(flag string) rocketMQOption {
	return func(value string) ([]string, string) { return []string{flag + "=" + value}, "" }
}

func onlyValue(want, why string) rocketMQOption {
	return func(value string) ([]string, string) {
		if strings.EqualFold(value, want) {
			return nil, ""
		}
		return nil, why
	}
}

func never(why string) rocketMQOption {
	return func(string) ([]string, string) { return nil, why }
}

// rocketMQOptions replaces RocketMQ's options in the arguments of bench produce and bench consume. -k and -c may stand without a value, as flags
// of ours.
func rocketMQOptions(args []string) ([]string, error) {
	if len(args) < 2 || args[0] != "bench" {
		return args, nil
	}
	options := map[string]map[string]rocketMQOption{"produce": rocketMQProduce, "consume": rocketMQConsume}[args[1]]
	out := slices.Clone(args[:min(2, len(args))])
	for i := 2; i < len(args); i++ {
		turn := options[args[i]]
		hasValue := i+1 < len(args) && !strings.HasPrefix(args[i+1], "-")
		switch {
		case turn == nil, !hasValue && (args[i] == "-k" || args[i] == "-c"):
			out = append(out, args[i])
			continue
		case !hasValue:
			return nil, usageError("%s needs a value\nsee: raftmq bench %s --help", args[i], args[1])
		}
		ours, why := turn(args[i+1])
		if why != "" {
			return nil, usageError("%s %s: %s", args[i], args[i+1], why)
		}
		out = append(out, ours...)
		i++
	}
	return out, nil
}
