// An ADS server that is nothing but an index: who asked for which name. go-control-plane's LinearCache registers every name of a stream
// again after each response, so with thousands of names it is not what a server in Go can do; this is.
package main

import (
	"fmt"
	"hash/fnv"
	"sync"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
)

const responseBytes = 1_000_000

// index holds the newest state of all types and, for every name, the streams that are to be told.
type index struct {
	discovery.UnimplementedAggregatedDiscoveryServiceServer

	mu    sync.Mutex
	types map[string]*typeIndex
}

type typeIndex struct {
	resources   map[string]*discovery.Resource
	subscribers map[string]map[*stream]struct{}
	wildcards   map[*stream]struct{}
}

// stream is one Envoy. All but the transport is guarded by the index's lock.
type stream struct {
	transport discovery.AggregatedDiscoveryService_DeltaAggregatedResourcesServer
	wake      chan struct{}
	// By type: the names to send, in the order in which they became due, each once.
	due map[string]*dueNames
}

type dueNames struct {
	order []string
	known map[string]struct{}
}

func newIndex() *index { return &index{types: map[string]*typeIndex{}} }

func (x *index) of(typeURL string) *typeIndex {
	found := x.types[typeURL]
	if found == nil {
		found = &typeIndex{
			resources:   map[string]*discovery.Resource{},
			subscribers: map[string]map[*stream]struct{}{},
			wildcards:   map[*stream]struct{}{},
		}
		x.types[typeURL] = found
	}
	return found
}

// update makes each resource once and tells only those who asked for it.
func (x *index) update(typeURL string, updates map[string]types.Resource, removals []string) error {
	made := make(map[string]*discovery.Resource, len(updates))
	for name, message := range updates {
		value, err := proto.MarshalOptions{Deterministic: true}.Marshal(message)
		if err != nil {
			return err
		}
		hash := fnv.New64a()
		_, _ = hash.Write(value)
		made[name] = &discovery.Resource{
			Name:     name,
			Version:  fmt.Sprintf("%x", hash.Sum64()),
			Resource: &anypb.Any{TypeUrl: typeURL, Value: value},
		}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	all := x.of(typeURL)
	woken := map[*stream]struct{}{}
	tell := func(name string) {
		for each := range all.wildcards {
			each.note(typeURL, name)
			woken[each] = struct{}{}
		}
		for each := range all.subscribers[name] {
			each.note(typeURL, name)
			woken[each] = struct{}{}
		}
	}
	for name, resource := range made {
		if old := all.resources[name]; old != nil && old.GetVersion() == resource.GetVersion() {
			continue
		}
		all.resources[name] = resource
		tell(name)
	}
	for _, name := range removals {
		delete(all.resources, name)
		tell(name)
	}
	for each := range woken {
		each.signal()
	}
	return nil
}

func (s *stream) note(typeURL, name string) {
	due := s.due[typeURL]
	if due == nil {
		due = &dueNames{known: map[string]struct{}{}}
		s.due[typeURL] = due
	}
	if _, ok := due.known[name]; ok {
		return
	}
	due.known[name] = struct{}{}
	due.order = append(due.order, name)
}

func (s *stream) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// DeltaAggregatedResources reads here and writes in a second goroutine, so that a slow Envoy holds nobody up.
func (x *index) DeltaAggregatedResources(transport discovery.AggregatedDiscoveryService_DeltaAggregatedResourcesServer) error {
	s := &stream{transport: transport, wake: make(chan struct{}, 1), due: map[string]*dueNames{}}
	defer x.forget(s)
	go x.send(s)
	opened := map[string]bool{}
	for {
		request, err := transport.Recv()
		if err != nil {
			return err
		}
		x.receive(s, request, opened)
	}
}

func (x *index) receive(s *stream, request *discovery.DeltaDiscoveryRequest, opened map[string]bool) {
	typeURL := request.GetTypeUrl()
	isFirst := !opened[typeURL]
	opened[typeURL] = true
	names := request.GetResourceNamesSubscribe()
	if !isFirst && len(names)+len(request.GetResourceNamesUnsubscribe()) == 0 {
		return
	}
	held := request.GetInitialResourceVersions()
	x.mu.Lock()
	defer x.mu.Unlock()
	all := x.of(typeURL)
	want := func(name string) {
		if resource := all.resources[name]; resource != nil && resource.GetVersion() != held[name] {
			s.note(typeURL, name)
		}
	}
	if isFirst && len(names) == 0 {
		all.wildcards[s] = struct{}{}
		for name := range all.resources {
			want(name)
		}
	}
	for _, name := range names {
		if all.subscribers[name] == nil {
			all.subscribers[name] = map[*stream]struct{}{}
		}
		all.subscribers[name][s] = struct{}{}
		want(name)
	}
	for name := range held {
		if all.resources[name] == nil {
			s.note(typeURL, name)
		}
	}
	for _, name := range request.GetResourceNamesUnsubscribe() {
		delete(all.subscribers[name], s)
	}
	s.signal()
}

func (x *index) forget(s *stream) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, all := range x.types {
		delete(all.wildcards, s)
		for _, each := range all.subscribers {
			delete(each, s)
		}
	}
}

// send ends with the stream.
func (x *index) send(s *stream) {
	for nonce := 0; ; {
		select {
		case <-s.transport.Context().Done():
			return
		case <-s.wake:
		}
		for response := x.next(s); response != nil; response = x.next(s) {
			nonce++
			response.Nonce = fmt.Sprint(nonce)
			if s.transport.Send(response) != nil {
				return
			}
		}
	}
}

// next takes what is due of one type, in the order of delivery, up to the size of one response.
func (x *index) next(s *stream) *discovery.DeltaDiscoveryResponse {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, typeURL := range deliveryOrder {
		due := s.due[typeURL]
		if due == nil {
			continue
		}
		response := &discovery.DeltaDiscoveryResponse{TypeUrl: typeURL}
		taken, size := 0, 0
		for taken < len(due.order) && size < responseBytes {
			name := due.order[taken]
			taken++
			delete(due.known, name)
			if resource := x.of(typeURL).resources[name]; resource != nil {
				response.Resources = append(response.Resources, resource)
				size += len(resource.GetResource().GetValue()) + 2*len(name)
			} else {
				response.RemovedResources = append(response.RemovedResources, name)
				size += len(name)
			}
		}
		due.order = due.order[taken:]
		if len(due.order) == 0 {
			delete(s.due, typeURL)
		}
		return response
	}
	return nil
}
