//! SMTP and LMTP over sockets: the server that calls a handler, and the client with its pool.

mod client;
mod handler;
mod server;

pub use client::{
    Attempt, Body, BodySource, Client, ClientConfig, Credentials, DeliveryOptions, DeliveryReport,
    Outcome, Route, Timeouts, TlsPolicy,
};
pub use handler::{Final, Handler, Session};
pub use server::{ServerConfig, TlsMode, serve};
