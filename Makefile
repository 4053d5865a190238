# The two commands of the README, and what they are made of.

.PHONY: build dev test test-java

build:
	CGO_ENABLED=0 go build -trimpath -o raftmq ./cmd/raftmq

dev: build
	./raftmq dev up --nodes 3

test:
	scripts/test.sh

test-java:
	scripts/test.sh java
