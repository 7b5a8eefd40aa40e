// A server with a pool of four threads that take connections from a queue; "quit" ends it.
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{mpsc, Arc, Mutex};
use std::thread;

fn serve(stream: TcpStream, served: &AtomicUsize) -> std::io::Result<bool> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut line, mut length) = (String::new(), 0);
    if reader.read_line(&mut line)? == 0 {
        return Ok(false); // ab opens one more than it wants
    }
    let path = line.split(' ').nth(1).unwrap_or("").to_string();
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        if let Some(number) = line.to_lowercase().strip_prefix("content-length:") {
            length = number.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    served.fetch_add(1, Ordering::SeqCst);
    let text = format!("{} {}\n", path, length);
    write!(&stream, "HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n{}", text.len(), text)?;
    Ok(path == "/quit")
}

fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind(std::env::args().nth(1).expect("an address"))?;
    let served = Arc::new(AtomicUsize::new(0));
    let (send, receive) = mpsc::channel::<TcpStream>();
    let (over, end) = mpsc::channel();
    let receive = Arc::new(Mutex::new(receive));
    for _ in 0..4 {
        let (receive, served, over) = (receive.clone(), served.clone(), over.clone());
        thread::spawn(move || loop {
            let stream = receive.lock().unwrap().recv().unwrap();
            if serve(stream, &served).unwrap_or(false) {
                over.send(()).unwrap();
            }
        });
    }
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            send.send(stream).unwrap();
        }
    });
    end.recv().unwrap();
    println!("served {}", served.load(Ordering::SeqCst));
    Ok(())
}
