//! Encrypts a stream: content in, message out, one buffer of constant size between them.

use std::fmt;
use std::io::{self, Write};

use chancery_crypto::cipher::{BLOCK_LEN, TAG_LEN};
use chancery_crypto::{ContentKey, Encryptor, random};

use crate::algorithms::content::content_cipher_der;
use crate::enveloped::{ContentCipher, Recipient};
use crate::error::Error;
use crate::oid;
use crate::tlv::{element, encoded_len, set_of, small_integer, tag, write_header};

/// Encrypts what is written to it and writes the message to the sink.
///
/// Authenticated ciphers give `AuthEnvelopedData`, CBC `EnvelopedData`; weak ciphers are refused. Nothing is complete without
/// [`EnvelopedWriter::finish`]: a writer that is dropped leaves a message that no reader accepts.
pub struct EnvelopedWriter<W: Write> {
    output: Output<W>,
    encryptor: Encryptor,
    /// With known length: how much content is still to come. None: indefinite form.
    expected: Option<u64>,
    failed: bool,
}

impl<W: Write> EnvelopedWriter<W> {
    /// Starts a message of unknown length (BER, indefinite form).
    pub fn new(sink: W, cipher: ContentCipher, recipients: &[Recipient]) -> Result<Self, Error> {
        Self::start(sink, cipher, recipients, None)
    }

    /// Starts a message whose content has exactly this length (DER). Another length fails at the end.
    pub fn with_length(
        sink: W,
        cipher: ContentCipher,
        recipients: &[Recipient],
        length: u64,
    ) -> Result<Self, Error> {
        Self::start(sink, cipher, recipients, Some(length))
    }

    /// Ends the message and returns the sink, not flushed.
    pub fn finish(self) -> Result<W, Error> {
        let Self { mut output, encryptor, expected, failed } = self;
        if failed {
            return Err(Error::Io(io::Error::other(FAILED)));
        }
        if expected.is_some_and(|expected| expected != 0) {
            return Err(Error::Io(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "content shorter than announced",
            )));
        }
        let (last, tag) = encryptor.finish(output.room()?)?;
        output.filled += last;
        output.flush()?;
        let mut end = Vec::new();
        if output.is_indefinite {
            // encryptedContent and EncryptedContentInfo.
            end.extend_from_slice(&[0; 4]);
        }
        if let Some(tag) = tag {
            end.extend(element(tag::OCTET_STRING, &[&tag]));
        }
        if output.is_indefinite {
            // (Auth)EnvelopedData, the content field and ContentInfo.
            end.extend_from_slice(&[0; 6]);
        }
        output.sink.write_all(&end)?;
        Ok(output.sink)
    }

    fn start(
        mut sink: W,
        cipher: ContentCipher,
        recipients: &[Recipient],
        length: Option<u64>,
    ) -> Result<Self, Error> {
        if recipients.is_empty() {
            return Err(Error::Certificate { reason: "a message needs a recipient".to_owned() });
        }
        if cipher.is_weak() {
            return Err(Error::Unsupported { what: format!("encryption with {cipher}") });
        }
        let key = ContentKey::generate(cipher)?;
        let mut iv = vec![0; cipher.iv_len()];
        random::fill(&mut iv)?;
        let prefix = Prefix::new(cipher, recipients, &key, &iv)?;
        let prefix = match length {
            None => prefix.indefinite(),
            Some(length) => cipher
                .ciphertext_len(length)
                .and_then(|ciphertext| prefix.definite(ciphertext))
                .ok_or(Error::Limit { what: "bytes of content", limit: u64::MAX })?,
        };
        sink.write_all(&prefix)?;
        let buffer = vec![0; HEADER_ROOM + CHUNK_LEN].into_boxed_slice();
        Ok(Self {
            output: Output { sink, buffer, filled: 0, is_indefinite: length.is_none() },
            encryptor: Encryptor::new(cipher, &key, &iv)?,
            expected: length,
            failed: false,
        })
    }

    fn encrypt(&mut self, content: &[u8]) -> Result<usize, Error> {
        if self.failed {
            return Err(Error::Io(io::Error::other(FAILED)));
        }
        if self.expected.is_some_and(|expected| expected < content.len() as u64) {
            return Err(Error::Io(io::Error::other("content longer than announced")));
        }
        let room = self.output.room()?;
        // The cipher may write up to a block more than it reads.
        let piece = content.get(..room.len() - BLOCK_LEN).unwrap_or(content);
        self.output.filled += self.encryptor.update(piece, room)?;
        self.expected = self.expected.map(|expected| expected - piece.len() as u64);
        Ok(piece.len())
    }
}

impl<W: Write> Write for EnvelopedWriter<W> {
    fn write(&mut self, content: &[u8]) -> io::Result<usize> {
        let result = self.encrypt(content);
        // After a failure the message cannot become right any more.
        self.failed |= result.is_err();
        result.map_err(io::Error::from)
    }

    /// Does nothing: pieces are written when they are full, and all of them at the end.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<W: Write> fmt::Debug for EnvelopedWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnvelopedWriter")
            .field("encryptor", &self.encryptor)
            .finish_non_exhaustive()
    }
}

/// Collects ciphertext and writes it in large pieces.
struct Output<W> {
    sink: W,
    /// Room for the header of a piece, then ciphertext.
    buffer: Box<[u8]>,
    /// How much ciphertext is in the buffer.
    filled: usize,
    /// Whether each piece is an octet string of its own.
    is_indefinite: bool,
}

impl<W: Write> Output<W> {
    /// Returns the free part of the buffer, at least two blocks; writes what is there if it has to.
    fn room(&mut self) -> Result<&mut [u8], Error> {
        if self.filled + 2 * BLOCK_LEN > CHUNK_LEN {
            self.flush()?;
        }
        Ok(self.buffer.get_mut(HEADER_ROOM + self.filled..).unwrap_or_default())
    }

    /// Writes the ciphertext in the buffer, header and content in one go.
    fn flush(&mut self) -> Result<(), Error> {
        if self.filled == 0 {
            return Ok(());
        }
        let mut start = HEADER_ROOM;
        if self.is_indefinite {
            let mut header = Vec::with_capacity(HEADER_ROOM);
            write_header(&mut header, tag::OCTET_STRING, self.filled as u64);
            start -= header.len();
            if let Some(room) = self.buffer.get_mut(start..HEADER_ROOM) {
                room.copy_from_slice(&header);
            }
        }
        self.sink
            .write_all(self.buffer.get(start..HEADER_ROOM + self.filled).unwrap_or_default())?;
        self.filled = 0;
        Ok(())
    }
}

/// What comes before the ciphertext.
struct Prefix {
    content_type: &'static [u8],
    /// Version and recipients.
    head: Vec<u8>,
    /// Type and algorithm of the encrypted content.
    content_head: Vec<u8>,
    /// Length of the tag's element behind the content.
    tag_len: u64,
}

impl Prefix {
    fn new(
        cipher: ContentCipher,
        recipients: &[Recipient],
        key: &ContentKey,
        iv: &[u8],
    ) -> Result<Self, Error> {
        let infos = recipients
            .iter()
            .map(|recipient| recipient.info(key))
            .collect::<Result<Vec<_>, _>>()?;
        let infos = set_of(tag::SET, infos);
        // RFC 5083 section 2.1: version 0. RFC 5652 section 6.1: the highest that a RecipientInfo needs.
        let is_authenticated = cipher.is_authenticated();
        let needed = recipients.iter().map(Recipient::envelope_version).max();
        let version = needed.filter(|_| !is_authenticated).unwrap_or(0);
        Ok(Self {
            content_type: if is_authenticated {
                oid::AUTH_ENVELOPED_DATA
            } else {
                oid::ENVELOPED_DATA
            },
            head: [small_integer(version), infos].concat(),
            content_head: [oid::element(oid::DATA), content_cipher_der(cipher, iv)].concat(),
            tag_len: if is_authenticated { 2 + TAG_LEN as u64 } else { 0 },
        })
    }

    fn indefinite(&self) -> Vec<u8> {
        let open = |tag| [tag, 0x80];
        [
            &open(tag::SEQUENCE)[..],
            &oid::element(self.content_type),
            &open(tag::context(0)),
            &open(tag::SEQUENCE),
            &self.head,
            &open(tag::SEQUENCE),
            &self.content_head,
            &open(tag::context(0)),
        ]
        .concat()
    }

    /// Returns the same with the lengths that so much ciphertext leads to; none if they overflow.
    fn definite(&self, ciphertext: u64) -> Option<Vec<u8>> {
        let content_type = oid::element(self.content_type);
        let content_info =
            (self.content_head.len() as u64).checked_add(encoded_len(ciphertext)?)?;
        let enveloped = (self.head.len() as u64)
            .checked_add(encoded_len(content_info)?)?
            .checked_add(self.tag_len)?;
        let field = encoded_len(enveloped)?;
        let whole = (content_type.len() as u64).checked_add(encoded_len(field)?)?;
        let mut output = Vec::new();
        write_header(&mut output, tag::SEQUENCE, whole);
        output.extend_from_slice(&content_type);
        write_header(&mut output, tag::context(0), field);
        write_header(&mut output, tag::SEQUENCE, enveloped);
        output.extend_from_slice(&self.head);
        write_header(&mut output, tag::SEQUENCE, content_info);
        output.extend_from_slice(&self.content_head);
        write_header(&mut output, tag::implicit(0), ciphertext);
        Some(output)
    }
}

const FAILED: &str = "an earlier write failed";

/// Octet strings in pieces of this size: long runs for the cipher, few headers, little memory.
const CHUNK_LEN: usize = 64 * 1024;

/// An identifier octet and up to four of length.
const HEADER_ROOM: usize = 8;
