// The yardstick is the smallest incremental control plane: informers in, resources out, nothing else, over go-control-plane's LinearCaches
// or over the index of index.go. It knows one host and one path of an Ingress and does no checking, so it is the floor under what Sluice's
// measurements are compared with.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"sort"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpoint "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	router "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcm "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	resource "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	server "github.com/envoyproxy/go-control-plane/pkg/server/v3"

	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	kubecache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

const routeTable = "http"

var adsSource = &core.ConfigSource{
	ResourceApiVersion:    core.ApiVersion_V3,
	ConfigSourceSpecifier: &core.ConfigSource_Ads{Ads: &core.AggregatedConfigSource{}},
}

// plane holds what was read and what was not published yet.
type plane struct {
	vhds bool

	mu      sync.Mutex
	hosts   map[string]*route.VirtualHost
	known   map[string]bool                      // clusters that were staged
	changed map[string]map[string]types.Resource // by type; nil is gone
	wake    chan struct{}

	update func(typeURL string, updates map[string]types.Resource, removals []string) error
}

// deliveryOrder has clusters before the routes that name them.
var deliveryOrder = []string{
	resource.ClusterType, resource.EndpointType, resource.ListenerType, resource.RouteType, resource.VirtualHostType,
}

func main() {
	kubeconfig := flag.String("kubeconfig", "", "path of a kubeconfig file")
	address := flag.String("address", "127.0.0.1:0", "where to serve ADS in plaintext")
	vhds := flag.Bool("vhds", false, "virtual hosts one by one, over VHDS")
	indexed := flag.Bool("index", false, "serve from an index of subscribers instead of LinearCaches")
	flag.Parse()

	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		log.Fatal(err)
	}
	config.QPS = -1
	// What in-cluster controllers use, too: decoding JSON would be measured otherwise.
	config.ContentType = "application/vnd.kubernetes.protobuf"
	config.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		log.Fatal(err)
	}

	var served discovery.AggregatedDiscoveryServiceServer
	p := newPlane(*vhds)
	if *indexed {
		x := newIndex()
		served, p.update = x, x.update
	} else {
		served, p.update = linearCaches()
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	watch(factory.Networking().V1().Ingresses().Informer(), p.ingress)
	watch(factory.Discovery().V1().EndpointSlices().Informer(), p.slice)
	factory.Start(context.Background().Done())
	factory.WaitForCacheSync(context.Background().Done())
	p.stageListener()
	p.publish()
	go func() {
		for range p.wake {
			p.publish()
		}
	}()

	socket, err := net.Listen("tcp", *address)
	if err != nil {
		log.Fatal(err)
	}
	grpcServer := grpc.NewServer(grpc.MaxConcurrentStreams(100_000))
	discovery.RegisterAggregatedDiscoveryServiceServer(grpcServer, served)
	fmt.Printf("serving on %s\n", socket.Addr())
	log.Fatal(grpcServer.Serve(socket))
}

func newPlane(vhds bool) *plane {
	return &plane{
		vhds:    vhds,
		hosts:   map[string]*route.VirtualHost{},
		known:   map[string]bool{},
		changed: map[string]map[string]types.Resource{},
		wake:    make(chan struct{}, 1),
	}
}

func linearCaches() (
	discovery.AggregatedDiscoveryServiceServer,
	func(typeURL string, updates map[string]types.Resource, removals []string) error,
) {
	mux := &cache.MuxCache{
		Classify:      func(r *cache.Request) string { return r.GetTypeUrl() },
		ClassifyDelta: func(r *cache.DeltaRequest) string { return r.GetTypeUrl() },
		Caches:        map[string]cache.Cache{},
	}
	caches := map[string]*cache.LinearCache{}
	for _, typeURL := range deliveryOrder {
		caches[typeURL] = cache.NewLinearCache(typeURL)
		mux.Caches[typeURL] = caches[typeURL]
	}
	update := func(typeURL string, updates map[string]types.Resource, removals []string) error {
		return caches[typeURL].UpdateResources(updates, removals)
	}
	return server.NewServer(context.Background(), mux, nil), update
}

// watch hands every object to take, with gone set for the last time.
func watch[T any](informer kubecache.SharedIndexInformer, take func(object T, gone bool)) {
	hand := func(object any, gone bool) {
		if tombstone, ok := object.(kubecache.DeletedFinalStateUnknown); ok {
			object = tombstone.Obj
		}
		if typed, ok := object.(T); ok {
			take(typed, gone)
		}
	}
	_, err := informer.AddEventHandler(kubecache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { hand(object, false) },
		UpdateFunc: func(_, object any) { hand(object, false) },
		DeleteFunc: func(object any) { hand(object, true) },
	})
	if err != nil {
		log.Fatal(err)
	}
}

func (p *plane) stage(typeURL, name string, message types.Resource) {
	if p.changed[typeURL] == nil {
		p.changed[typeURL] = map[string]types.Resource{}
	}
	p.changed[typeURL][name] = message
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func clusterName(namespace, service string) string { return namespace + "/" + service }

func (p *plane) ingress(ingress *networkingv1.Ingress, gone bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, rule := range ingress.Spec.Rules {
		if gone {
			delete(p.hosts, rule.Host)
			if p.vhds {
				p.stage(resource.VirtualHostType, routeTable+"/"+rule.Host, nil)
			}
			continue
		}
		host := virtualHost(ingress, rule)
		p.hosts[rule.Host] = host
		if p.vhds {
			host.Name = routeTable + "/" + rule.Host
			p.stage(resource.VirtualHostType, host.Name, host)
		}
	}
	if !p.vhds {
		p.stage(resource.RouteType, routeTable, nil) // built once for everything that is waiting
	}
}

func virtualHost(ingress *networkingv1.Ingress, rule networkingv1.IngressRule) *route.VirtualHost {
	host := &route.VirtualHost{Name: rule.Host, Domains: []string{rule.Host}}
	for _, path := range rule.HTTP.Paths {
		host.Routes = append(host.Routes, &route.Route{
			Match: &route.RouteMatch{PathSpecifier: &route.RouteMatch_Prefix{Prefix: path.Path}},
			Action: &route.Route_Route{Route: &route.RouteAction{
				ClusterSpecifier: &route.RouteAction_Cluster{Cluster: clusterName(ingress.Namespace, path.Backend.Service.Name)},
				RetryPolicy:      &route.RetryPolicy{RetryOn: "connect-failure,refused-stream,reset-before-request"},
			}},
		})
	}
	return host
}

// slice takes each Service for one with a single EndpointSlice and a single port.
func (p *plane) slice(slice *discoveryv1.EndpointSlice, gone bool) {
	name := clusterName(slice.Namespace, slice.Labels[discoveryv1.LabelServiceName])
	p.mu.Lock()
	defer p.mu.Unlock()
	if gone {
		delete(p.known, name)
		p.stage(resource.ClusterType, name, nil)
		p.stage(resource.EndpointType, name, nil)
		return
	}
	locality := &endpoint.LocalityLbEndpoints{}
	for _, each := range slice.Endpoints {
		locality.LbEndpoints = append(locality.LbEndpoints, &endpoint.LbEndpoint{
			HostIdentifier: &endpoint.LbEndpoint_Endpoint{Endpoint: &endpoint.Endpoint{Address: &core.Address{
				Address: &core.Address_SocketAddress{SocketAddress: &core.SocketAddress{
					Address:       each.Addresses[0],
					PortSpecifier: &core.SocketAddress_PortValue{PortValue: uint32(*slice.Ports[0].Port)},
				}},
			}}},
		})
	}
	p.stage(resource.EndpointType, name, &endpoint.ClusterLoadAssignment{
		ClusterName: name,
		Endpoints:   []*endpoint.LocalityLbEndpoints{locality},
	})
	if !p.known[name] {
		p.known[name] = true
		p.stage(resource.ClusterType, name, &cluster.Cluster{
			Name:                 name,
			ConnectTimeout:       durationpb.New(5 * time.Second),
			ClusterDiscoveryType: &cluster.Cluster_Type{Type: cluster.Cluster_EDS},
			EdsClusterConfig:     &cluster.Cluster_EdsClusterConfig{EdsConfig: adsSource},
		})
	}
}

func (p *plane) stageListener() {
	p.mu.Lock()
	defer p.mu.Unlock()
	manager := &hcm.HttpConnectionManager{
		StatPrefix:     routeTable,
		RouteSpecifier: &hcm.HttpConnectionManager_Rds{Rds: &hcm.Rds{ConfigSource: adsSource, RouteConfigName: routeTable}},
		HttpFilters: []*hcm.HttpFilter{{
			Name:       "envoy.filters.http.router",
			ConfigType: &hcm.HttpFilter_TypedConfig{TypedConfig: mustAny(&router.Router{})},
		}},
	}
	p.stage(resource.ListenerType, routeTable, &listener.Listener{
		Name: routeTable,
		Address: &core.Address{Address: &core.Address_SocketAddress{SocketAddress: &core.SocketAddress{
			Address: "0.0.0.0", PortSpecifier: &core.SocketAddress_PortValue{PortValue: 8080},
		}}},
		FilterChains: []*listener.FilterChain{{Filters: []*listener.Filter{{
			Name:       "envoy.filters.network.http_connection_manager",
			ConfigType: &listener.Filter_TypedConfig{TypedConfig: mustAny(manager)},
		}}}},
	})
	p.stage(resource.RouteType, routeTable, nil)
}

func (p *plane) routes() *route.RouteConfiguration {
	if p.vhds {
		return &route.RouteConfiguration{Name: routeTable, Vhds: &route.Vhds{ConfigSource: adsSource}}
	}
	table := &route.RouteConfiguration{Name: routeTable, VirtualHosts: make([]*route.VirtualHost, 0, len(p.hosts))}
	for _, host := range p.hosts {
		table.VirtualHosts = append(table.VirtualHosts, host)
	}
	sort.Slice(table.VirtualHosts, func(i, j int) bool { return table.VirtualHosts[i].Name < table.VirtualHosts[j].Name })
	return table
}

// publish hands over everything that is waiting.
func (p *plane) publish() {
	p.mu.Lock()
	waiting := p.changed
	p.changed = map[string]map[string]types.Resource{}
	if _, ok := waiting[resource.RouteType]; ok {
		waiting[resource.RouteType][routeTable] = p.routes()
	}
	p.mu.Unlock()
	for _, typeURL := range deliveryOrder {
		updates, removals := map[string]types.Resource{}, []string{}
		for name, message := range waiting[typeURL] {
			if message == nil {
				removals = append(removals, name)
			} else {
				updates[name] = message
			}
		}
		if len(updates)+len(removals) == 0 {
			continue
		}
		if err := p.update(typeURL, updates, removals); err != nil {
			log.Fatal(err)
		}
	}
}

func mustAny(message proto.Message) *anypb.Any {
	packed, err := anypb.New(message)
	if err != nil {
		log.Fatal(err)
	}
	return packed
}
