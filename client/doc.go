// Package client is a RocketMQ 4.x client in Go, for the tools, the bench, the brokers and the tests of this project.
//
// # What it is not
//
// It knows no server package. It is not one of the stock clients: it asks for the route after an error, and tells what is known
// about a request that failed. It does not consume in order under a broker's lock, and sends no transactions.
//
// # Flow
//
// Client (client.go) holds the connections and the routes (route.go, routes.go). Producer (producer.go) makes each message a send
// (send.go), a chain of callbacks over its attempts, with the queue from a selector (select.go). PullConsumer (pull.go) reads
// queues at offsets that the caller keeps. PushConsumer (consumer.go) joins a group: it sends heartbeats and shares the queues
// (rebalance.go, allocate.go); consume.go pulls, calls the application and stores offsets. Admin (admin.go) is for operators'
// tools. codec.go turns bodies into Go types. Brokers register at NameServers by themselves (package broker).
//
// # Outcomes
//
// Every failed request is one of two: NotSent, which may be sent again without making a duplicate, or Unknown. OutcomeOf tells
// them apart; an answer of a broker is a *ResponseError with its code and remark.
//
// # Invariants
//
//  1. A message that a Producer reports as sent was acknowledged by a broker; one that OutcomeOf calls NotSent was not stored.
//  2. A PushConsumer stores an offset only when all messages below it were consumed or sent back.
//  3. A queue that was taken away is not consumed again by the same client before its handler has returned.
//  4. An offset or a member list that could not be asked for is never taken for "none".
//
// # Concurrency
//
// All exported methods may be called from any goroutine. Client, Producer and PullConsumer start no goroutine (the connections of
// package remoting do); PushConsumer.Run owns all of its own and waits for them. Callbacks run on a connection's reader or a timer and must not block.
package client
