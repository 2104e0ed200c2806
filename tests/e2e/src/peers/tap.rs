//! The internet between two gateways: a relay that writes down every byte, and takes STARTTLS out of the offer as an
//! attacker would, so that what it sees is what encryption of the message alone protects.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

/// A recording relay.
#[derive(Debug)]
pub struct Tap {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<u8>>>,
}

impl Tap {
    /// Starts a relay to a server.
    pub fn before(server: SocketAddr) -> Self {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&seen);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let record = Arc::clone(&record);
                // A server that is not there looks to the client as it does without the tap: the connection closes.
                let Ok(server) = TcpStream::connect(server) else { continue };
                thread::spawn(move || relay(&client, &server, &record));
            }
        });
        Self { address, seen }
    }

    /// Returns where to connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns everything that clients sent so far, as text.
    pub fn seen(&self) -> String {
        String::from_utf8_lossy(&self.seen.lock().unwrap_or_else(PoisonError::into_inner))
            .into_owned()
    }
}

/// Copies both ways until either side ends.
fn relay(client: &TcpStream, server: &TcpStream, record: &Mutex<Vec<u8>>) {
    thread::scope(|scope| {
        scope.spawn(|| {
            copy(client, server, |bytes| {
                record.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
            });
        });
        copy(server, client, without_starttls);
    });
}

fn copy(mut from: &TcpStream, mut to: &TcpStream, mut look: impl FnMut(&mut [u8])) {
    let mut buffer = [0; 16_384];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let Some(bytes) = buffer.get_mut(..count) else { break };
        look(bytes);
        if to.write_all(bytes).is_err() {
            break;
        }
    }
    to.shutdown(Shutdown::Write).ok();
    from.shutdown(Shutdown::Read).ok();
}

/// Overwrites the offer with as many letters. Servers send the whole answer to `EHLO` at once.
fn without_starttls(bytes: &mut [u8]) {
    const OFFER: &[u8] = b"STARTTLS";
    if let Some(start) = bytes.windows(OFFER.len()).position(|window| window == OFFER)
        && let Some(offer) = bytes.get_mut(start..start + OFFER.len())
    {
        offer.copy_from_slice(b"XXXXXXXX");
    }
}
