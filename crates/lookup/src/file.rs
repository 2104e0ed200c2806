//! Single files, such as the card of a bridge's member.

use chancery_net::http::{self, Limits, Request};
use chancery_net::outbound::Error;

use crate::lookup::Lookup;

impl Lookup {
    /// Fetches a file of at most so many octets by HTTP, within the limits of all requests. Nothing is kept of it.
    pub async fn file(&self, url: &str, octets: usize) -> Result<Vec<u8>, Error> {
        let limits = Limits { time: self.0.settings.timeout, octets, ..Limits::default() };
        let request = Request { url, post: None, known: None, limits };
        let response = http::fetch(&self.0.dialer, &request).await?;
        // Without a known version there is always a body.
        Ok(response.body.unwrap_or_default())
    }
}
