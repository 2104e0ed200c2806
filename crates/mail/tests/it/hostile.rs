//! Messages made to exhaust: limits hold, and the work grows with the length only.

use chancery_mail::form::{Form, classify};
use chancery_mail::index::{
    Index, IndexBuilder, Limit, MAX_BOUNDARY, MAX_DEPTH, MAX_HEADER, MAX_PARTS,
};

use crate::support::{check, in_chunks};

#[test]
fn a_hundred_thousand_fields() {
    let message =
        [b"X-Field: value\r\n".repeat(100_000), b"Content-Type: text/html\r\n\r\nbody".to_vec()]
            .concat();
    let index = Index::of(&message);
    check(&message, &index);
    assert_eq!(index.root().content_type.essence(), "text/html");
    assert_eq!(index.header().len(), MAX_HEADER);
    assert!(!index.is_header_whole());
}

#[test]
fn a_field_of_ten_megabytes() {
    let mut message = b"Content-Type: multipart/mixed; x=\"".to_vec();
    message.extend(std::iter::repeat_n(b'y', 10 << 20));
    message.extend_from_slice(b"\"; boundary=a\r\nSubject: x\r\n\r\n--a\r\n\r\n--a--\r\n");
    let index = Index::of(&message);
    check(&message, &index);
    // What comes after so much is not read: the multipart has no boundary for us and stays one leaf.
    assert_eq!(index.parts().len(), 1);
    assert_eq!(index.root().content_type.essence(), "multipart/mixed");
}

#[test]
fn multiparts_ten_thousand_deep() {
    let mut message = Vec::new();
    for level in 0..10_000 {
        let header =
            format!("Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n");
        message.extend_from_slice(header.as_bytes());
    }
    let index = Index::of(&message);
    check(&message, &index);
    assert_eq!(index.limit(), Some(Limit::Depth));
    assert_eq!(index.parts().len(), MAX_DEPTH + 1);
    assert_eq!(classify(&index), Form::Plain);
}

#[test]
fn messages_ten_thousand_deep() {
    let message = b"Content-Type: message/rfc822\r\n\r\n".repeat(10_000);
    let index = Index::of(&message);
    check(&message, &index);
    assert_eq!((index.limit(), index.parts().len()), (Some(Limit::Depth), MAX_DEPTH + 1));
}

#[test]
fn outer_parts_are_still_found_after_a_deep_one() {
    let deep = b"Content-Type: message/rfc822\r\n\r\n".repeat(1000);
    let message = [
        b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n",
        &deep[..],
        b"\r\n--a\r\n\r\nlast\r\n--a--\r\n",
    ]
    .concat();
    let index = Index::of(&message);
    check(&message, &index);
    let last = index.parts().last().unwrap();
    assert_eq!((last.depth, last.body.of(&message)), (1, Some(&b"last"[..])));
}

#[test]
fn a_hundred_thousand_parts() {
    let message = [
        b"Content-Type: multipart/mixed; boundary=a\r\n\r\n".to_vec(),
        b"--a\r\n\r\nx\r\n".repeat(100_000),
    ]
    .concat();
    let index = Index::of(&message);
    check(&message, &index);
    assert_eq!((index.limit(), index.parts().len()), (Some(Limit::Parts), MAX_PARTS));
    let last = index.parts().last().unwrap();
    assert_eq!(
        (last.body.end, last.content_type.essence().as_str()),
        (index.len(), "application/octet-stream")
    );
}

#[test]
fn part_headers_that_fill_memory() {
    let part = format!("--a\r\nContent-Type: text/plain; x={}\r\n\r\n\r\n", "y".repeat(12_000));
    let message = format!("Content-Type: multipart/mixed; boundary=a\r\n\r\n{}", part.repeat(2000))
        .into_bytes();
    let index = Index::of(&message);
    check(&message, &index);
    assert_eq!(index.limit(), Some(Limit::Memory));
    assert!(index.parts().len() < 400);
    let part = format!("--a\r\nContent-Type: text/plain{}\r\n\r\n\r\n", ";a=b".repeat(4000));
    let message = format!("Content-Type: multipart/mixed; boundary=a\r\n\r\n{}", part.repeat(2000))
        .into_bytes();
    let index = Index::of(&message);
    assert_eq!(index.limit(), Some(Limit::Memory));
    assert!(index.parts().len() < 40);
}

#[test]
fn an_endless_boundary() {
    for (length, limit) in [(MAX_BOUNDARY, None), (MAX_BOUNDARY + 1, Some(Limit::Boundary))] {
        let boundary = "b".repeat(length);
        let message = format!(
            "Content-Type: multipart/mixed;\r\n boundary={boundary}\r\n\r\n--{boundary}\r\n\r\nx\r\n--{boundary}--\r\n"
        );
        let index = Index::of(message.as_bytes());
        check(message.as_bytes(), &index);
        assert_eq!(index.limit(), limit);
        assert_eq!(index.parts().len(), if limit.is_some() { 1 } else { 2 });
    }
}

#[test]
fn lines_of_ten_megabytes() {
    let long = vec![b'-'; 10 << 20];
    let message = [
        b"Content-Type: multipart/mixed; boundary=-\r\n\r\n---\r\n\r\n",
        &long[..],
        b"\r\n",
        &long[..],
        b"\0\r\r\n---\r\n\r\nlast\r\n-----\r\n",
    ]
    .concat();
    let index = Index::of(&message);
    check(&message, &index);
    assert_eq!(index.parts().len(), 3);
    assert_eq!(index.parts()[2].body.of(&message), Some(&b"last"[..]));
    assert_eq!(in_chunks(&message, &[4096, 1, 70_000]), index);
}

/// Counts how often the builder is asked to grow, by feeding it one message after the other of twice the size and
/// comparing what it keeps: the memory of an index must not follow the length of the bodies.
#[test]
fn bodies_take_no_memory() {
    let message = |lines: usize| {
        let body = b"--not a boundary, but it looks like one\r\n".repeat(lines);
        [b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n\r\n", &body[..], b"--a--\r\n"]
            .concat()
    };
    let kept = |message: &[u8]| {
        let mut builder = IndexBuilder::new();
        builder.push(message);
        format!("{:?}", builder.finish()).len()
    };
    let (small, large) = (kept(&message(1000)), kept(&message(200_000)));
    assert!(large - small < 100, "{small} {large}");
}

/// Every line is looked up in the map of open boundaries once. With a hundred boundaries open that begin alike, a
/// linear search would compare a hundred times as many bytes: 30 MB would become 3 GB.
#[test]
fn a_hundred_open_boundaries_do_not_slow_the_lines() {
    let mut message = Vec::new();
    let stem = "b".repeat(60);
    for level in 0..MAX_DEPTH - 1 {
        let header = format!(
            "Content-Type: multipart/mixed; boundary={stem}{level:03}\r\n\r\n--{stem}{level:03}\r\n"
        );
        message.extend_from_slice(header.as_bytes());
    }
    message.extend_from_slice(b"\r\n");
    message.extend(format!("--{stem}999\r\n").repeat(400_000).into_bytes());
    let index = Index::of(&message);
    check(&message, &index);
    assert_eq!((index.parts().len(), index.limit()), (MAX_DEPTH, None));
}

#[test]
fn nothing_at_all() {
    for message in [
        &b""[..],
        b"\r",
        b"\n",
        b"\r\n",
        b"\0",
        b"-",
        b"--",
        b"Content-Type: multipart/mixed; boundary=a",
    ] {
        let index = Index::of(message);
        check(message, &index);
        assert_eq!(index.parts().len(), 1);
    }
}
