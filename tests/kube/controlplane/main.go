// The control plane of the Kubernetes tests: etcd and kube-apiserver in one process.
//
// Usage: controlplane DATA_DIR ETCD_PORT ETCD_PEER_PORT [flags of kube-apiserver…]
//
// Nothing else of Kubernetes runs: no scheduler, no kubelet, no controllers. The tests bind
// and run pods themselves (see tests/kube/nodeagent).
package main

import (
	"fmt"
	"net/url"
	"os"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

const etcdStartTimeout = 30 * time.Second

func main() {
	if len(os.Args) < 4 {
		fmt.Fprintln(os.Stderr, "usage: controlplane DATA_DIR ETCD_PORT ETCD_PEER_PORT [kube-apiserver flags…]")
		os.Exit(2)
	}
	etcd, err := startEtcd(os.Args[1], os.Args[2], os.Args[3])
	if err != nil {
		fmt.Fprintln(os.Stderr, "etcd did not start:", err)
		os.Exit(1)
	}
	command := app.NewAPIServerCommand()
	command.SetArgs(append([]string{"--etcd-servers=" + etcd}, os.Args[4:]...))
	os.Exit(cli.Run(command))
}

// startEtcd serves an empty store on loopback and returns its address. The tests throw it
// away, so nothing is synced to disk.
func startEtcd(dataDir, port, peerPort string) (string, error) {
	client := url.URL{Scheme: "http", Host: "127.0.0.1:" + port}
	peer := url.URL{Scheme: "http", Host: "127.0.0.1:" + peerPort}
	config := embed.NewConfig()
	config.Dir = dataDir
	config.LogLevel = "error"
	config.UnsafeNoFsync = true
	config.ListenClientUrls = []url.URL{client}
	config.AdvertiseClientUrls = []url.URL{client}
	config.ListenPeerUrls = []url.URL{peer}
	config.AdvertisePeerUrls = []url.URL{peer}
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	server, err := embed.StartEtcd(config)
	if err != nil {
		return "", err
	}
	select {
	case <-server.Server.ReadyNotify():
		return client.String(), nil
	case <-time.After(etcdStartTimeout):
		return "", fmt.Errorf("not ready within %s", etcdStartTimeout)
	}
}
