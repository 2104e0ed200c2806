//! Signed receipts: answering a request, and finding out whether a receipt is for a message (RFC 2634 section 2).

use std::io::{Read, Seek, Write};

use chancery_cms::{Receipt, ReceiptsFrom, SignerReport, sign_receipt};
use chancery_mail::{Address, date, transfer::Base64Encoder};

use crate::{
    entity::{Entity, Place},
    error::{Error, Result},
    keys::{OpeningKey, Signer},
    open::peel_signatures,
    spool::Spools,
    verdict::ServicesVerdict,
};

/// A request for a receipt in a message that was opened and found verified; there is none for any other message.
#[derive(Debug)]
pub struct Asked {
    pub(crate) signature: SignerReport,
    /// True if a mailing list handed the message on.
    pub(crate) is_from_list: bool,
    /// True if such a list forbids receipts or wants them for itself.
    pub(crate) is_changed_by_list: bool,
}

/// How a receipt is made.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// Who signs.
    pub signer: &'a Signer,
    /// The time of signing in Unix seconds.
    pub signing_time: i64,
    /// Who got the message.
    pub from: &'a Address,
    /// Where the receipt goes: one of [`Asked::to`].
    pub to: &'a Address,
    /// The Message-ID of the receipt, with its angle brackets.
    pub message_id: &'a str,
}

impl Asked {
    /// Returns the addresses that the receipt goes to; those that are no addresses are left out.
    pub fn to(&self) -> Vec<Address> {
        let request = self.signature.services.receipt_request.as_ref();
        let to = request.map(|request| request.to.as_slice()).unwrap_or_default();
        to.iter().filter_map(|address| Address::parse(address).ok()).collect()
    }

    /// Says why this recipient shall send no receipt (RFC 2634 section 2.3).
    pub fn excludes(&self, recipient: &Address) -> Option<&'static str> {
        let request = self.signature.services.receipt_request.as_ref()?;
        let is_named =
            |name: &String| Address::parse(name).is_ok_and(|name| name.same_mailbox(recipient));
        match &request.from {
            _ if self.is_changed_by_list => Some("a mailing list has changed who answers"),
            ReceiptsFrom::FirstTier if self.is_from_list => Some(
                "the message came through a mailing list, and only first recipients shall answer",
            ),
            ReceiptsFrom::List(names) if !names.iter().any(is_named) => {
                Some("only others shall answer")
            }
            ReceiptsFrom::All | ReceiptsFrom::FirstTier | ReceiptsFrom::List(_) => None,
        }
    }

    /// Writes the receipt, a whole message (RFC 2634 section 2.5, RFC 8551 section 3.4). It has nothing of the message but
    /// its signature.
    pub fn answer(&self, answer: &Answer<'_>, out: &mut dyn Write) -> Result<()> {
        let (keys, chain) = answer.signer.for_cms();
        let options = answer.signer.options(answer.signing_time);
        let der = sign_receipt(&self.signature, keys, chain, &options).map_err(Error::Cms)?;
        let head = format!(
            "From: {}\r\nTo: {}\r\nSubject: Signed receipt\r\nDate: {}\r\nMessage-ID: {}\r\nAuto-Submitted: auto-replied\r\n\
             MIME-Version: 1.0\r\nContent-Type: application/pkcs7-mime; smime-type=signed-receipt;\r\n name=\"smime.p7m\"\r\n\
             Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=\"smime.p7m\"\r\n\r\n",
            answer.from,
            answer.to,
            date::format(answer.signing_time),
            answer.message_id
        );
        let writing = Error::io("write the receipt");
        let mut armor = Base64Encoder::new(head.into_bytes());
        let message = armor.write_all(&der).and_then(|()| armor.finish());
        message.and_then(|message| out.write_all(&message)).map_err(writing)
    }
}

/// Says why `receipt` is no receipt for `original`, a message that was sent; keys open them if they are encrypted.
///
/// Whether the signer of the receipt may be believed is in the verdict on it, see [`open`](crate::open()).
pub fn check_receipt<R: Read + Seek, S: Read + Seek>(
    receipt: &mut R,
    original: &mut S,
    keys: &[OpeningKey],
    spools: &mut dyn Spools,
) -> Result<std::result::Result<(), &'static str>> {
    let (confirmations, content) = peel(receipt, keys, spools)?;
    let Some(content) = content else { return Ok(Err("the message is no signed receipt")) };
    let (signatures, _) = peel(original, keys, spools)?;
    let mut why = "the message that it should be for is not signed";
    for confirmation in confirmations.iter().filter(|it| it.result.is_ok()) {
        for signature in &signatures {
            match content.check(confirmation, signature) {
                Ok(()) => return Ok(Ok(())),
                Err(reason) => why = reason,
            }
        }
    }
    Ok(Err(why))
}

/// Returns what the signers of a message ask for and mark it with, whether or not their signatures are right; of what is
/// encrypted, nothing.
pub fn claimed_services<R: Read + Seek>(
    message: &mut R,
    spools: &mut dyn Spools,
) -> Result<Vec<ServicesVerdict>> {
    let (signatures, _) = peel(message, &[], spools)?;
    Ok(signatures.iter().map(|signature| ServicesVerdict::of(&signature.services)).collect())
}

fn peel<R: Read + Seek>(
    message: &mut R,
    keys: &[OpeningKey],
    spools: &mut dyn Spools,
) -> Result<(Vec<SignerReport>, Option<Receipt>)> {
    let entity = Entity::whole(Place::Message(message)).map_err(Error::io("read the message"))?;
    peel_signatures(entity, keys, spools)
}
