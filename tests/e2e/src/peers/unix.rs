//! A mail server behind a socket file, as Dovecot and Cyrus are for LMTP.

use std::{
    io,
    net::{Shutdown, SocketAddr, TcpStream},
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
    thread,
};

/// Passes every connection to a socket file on to a server, such as a sink.
pub fn serve_socket_file(path: &Path, server: SocketAddr) {
    let listener = UnixListener::bind(path).expect("the folder is ours");
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let server = TcpStream::connect(server).expect("the server runs");
            thread::spawn(move || relay(&client, &server));
        }
    });
}

fn relay(client: &UnixStream, server: &TcpStream) {
    thread::scope(|scope| {
        scope.spawn(|| {
            io::copy(&mut &*client, &mut &*server).ok();
            server.shutdown(Shutdown::Write).ok();
        });
        io::copy(&mut &*server, &mut &*client).ok();
        client.shutdown(Shutdown::Write).ok();
    });
}
