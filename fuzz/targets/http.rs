//! Any bytes as a request of the web: read whole or in pieces it is the same, and its words are those that came.
#![no_main]

use chancery_wire::http::{Head, Reply, Status, decode, encode, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let whole = read(bytes);
    for end in [bytes.len() / 2, bytes.len().saturating_sub(1)] {
        let part = read(bytes.get(..end).unwrap_or_default());
        assert!(part == Head::Short || part == whole);
    }
    if let Head::Whole(request) = whole {
        assert!(request.path.starts_with('/') && request.path.bytes().all(|it| it.is_ascii_graphic()));
        let reply = Reply::new(Status::Ok, "x").with("ETag", "\"x\"");
        let (long, short) = (reply.write("", false), reply.write("", true));
        assert_eq!(long.get(..short.len()), Some(&short[..]));
        let _is_known = request.knows("\"x\"");
        if let Some(text) = request.query.as_deref().and_then(decode) {
            assert_eq!(decode(&encode(&text)), Some(text));
        }
    }
});
