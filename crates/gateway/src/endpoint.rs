//! Serves the metrics over HTTP/1.1 to whoever scrapes them on this machine.
//!
//! It answers `GET /metrics` and `GET /health`, one request a connection. A web server would be a hundred times the code
//! for two fixed answers; the pages for people come with the `web` crate.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use chancery_lookup::Lookup;
use chancery_lookup::keys::Finder;

use crate::metrics;
use crate::server::Gateway;

/// Serves until shutdown.
pub(crate) async fn serve(listener: TcpListener, gateway: Arc<Gateway>) -> io::Result<()> {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            () = gateway.shutdown.triggered() => return Ok(()),
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors, say: without a pause this would be a loop that does nothing else.
                tracing::warn!(%error, "cannot accept a connection to the metrics");
                gateway.clock.sleep(PAUSE).await;
                continue;
            }
        };
        let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else { continue };
        let gateway = Arc::clone(&gateway);
        tokio::spawn(async move {
            let _slot = slot;
            // A scraper that is slow or goes away is its own problem.
            let _ended = tokio::time::timeout(TIMEOUT, answer(stream, &gateway)).await;
        });
    }
}

async fn answer(mut stream: TcpStream, gateway: &Gateway) -> io::Result<()> {
    let mut request = Vec::with_capacity(1024);
    while !request.windows(4).any(|window| window == b"\r\n\r\n") {
        if request.len() > MAX_REQUEST || stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let first = request.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let (status, body) = match first {
        b"GET /metrics HTTP/1.1" | b"GET /metrics HTTP/1.0" => match gateway.store.metrics() {
            Ok(queue) => {
                let own = gateway.metrics.render(&queue, gateway.now_ms());
                let numbers = gateway.lookup.as_ref().map(Lookup::numbers).unwrap_or_default();
                let keys = gateway.finder.as_ref().map(Finder::numbers).unwrap_or_default();
                let more = gateway.more_metrics.get().map(|render| render());
                let lookup = metrics::render_lookup(&numbers, &keys);
                ("200 OK", own + &lookup + &more.unwrap_or_default())
            }
            Err(error) => ("503 Service Unavailable", format!("{error}\n")),
        },
        b"GET /health HTTP/1.1" | b"GET /health HTTP/1.0" => ("200 OK", "ok\n".to_owned()),
        line if line.starts_with(b"GET ") => {
            ("404 Not Found", "try /metrics or /health\n".to_owned())
        }
        _ => ("405 Method Not Allowed", "only GET\n".to_owned()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}

/// After a failure that is not over in a moment.
const PAUSE: Duration = Duration::from_millis(50);

/// Scrapers at a time.
const MAX_CONNECTIONS: usize = 16;

/// Octets of a request header; real ones have a few hundred.
const MAX_REQUEST: usize = 8 * 1024;

/// For reading the request and writing the answer.
const TIMEOUT: Duration = Duration::from_secs(10);
