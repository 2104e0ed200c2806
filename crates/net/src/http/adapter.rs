//! What hyper needs of a socket and of a body.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::stream::Stream;

/// A connection as hyper reads and writes it.
pub(super) struct Socket(pub(super) Stream);

/// A body that is in memory.
pub(super) struct Once(Option<Bytes>);

impl Once {
    pub(super) fn new(octets: Bytes) -> Self {
        Self(Some(octets).filter(|octets| !octets.is_empty()))
    }
}

impl Read for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut target: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        // One copy, in exchange for no `unsafe`; these are a few kilobytes.
        let mut block = [0; 8 * 1024];
        let room = target.remaining().min(block.len());
        let mut buffer = ReadBuf::new(block.get_mut(..room).unwrap_or_default());
        ready!(Pin::new(&mut self.get_mut().0).poll_read(context, &mut buffer))?;
        target.put_slice(buffer.filled());
        Poll::Ready(Ok(()))
    }
}

impl Write for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write(context, octets)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(context)
    }
}

impl Body for Once {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.take().map(|octets| Ok(Frame::data(octets))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let octets = self.0.as_ref().map_or(0, Bytes::len);
        SizeHint::with_exact(u64::try_from(octets).unwrap_or(u64::MAX))
    }
}
