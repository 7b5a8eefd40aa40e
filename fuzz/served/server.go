// A server with a goroutine a connection, on four threads of Go's; SIGTERM ends it when all have their answers.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	runtime.GOMAXPROCS(4)
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	var served int64
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		atomic.AddInt64(&served, 1)
		fmt.Fprintf(w, "%s %s %d\n", r.Method, r.URL.Path, len(body))
	})
	http.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(500 * time.Millisecond)
		fmt.Fprintln(w, "slow")
	})
	server := &http.Server{}
	go server.Serve(listener)
	wanted := make(chan os.Signal, 1)
	signal.Notify(wanted, syscall.SIGTERM)
	fmt.Println("told:", <-wanted)
	fmt.Println("ends:", server.Shutdown(context.Background()), "served", atomic.LoadInt64(&served))
}
