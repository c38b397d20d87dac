//! Git over http and https: libgit2 speaks Git, the requests are ours.
//!
//! libgit2 asks for a [transport] on the thread on which a conversation is held, and tells it an address alone; the [`Line`] that the conversation
//! goes over lies in that thread [meanwhile](during).

mod exchange;
mod failure;
mod line;
mod redirect;

use std::{
    cell::RefCell,
    sync::{Arc, Mutex, PoisonError},
};

use git2::{
    Error, ErrorClass, ErrorCode, Remote,
    transport::{Service, SmartSubtransport, SmartSubtransportStream, Transport},
};
use url::Url;

pub use line::HttpAccess;
pub(super) use line::Line;

use self::exchange::Exchange;
use super::trouble::Trouble;

/// Why a conversation failed: libgit2 carries texts alone.
#[derive(Clone, Default)]
pub(super) struct Failure(Arc<Mutex<Option<Trouble>>>);

impl Failure {
    /// Notes a trouble; the first is the one that counts.
    pub(super) fn note(&self, trouble: Trouble) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(trouble);
    }

    /// What was noted.
    pub(super) fn take(&self) -> Option<Trouble> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// What a conversation goes over, and where its failure is noted.
#[derive(Clone)]
struct Spoken {
    line: Arc<Line>,
    failure: Failure,
}

thread_local! {
    static SPOKEN: RefCell<Option<Spoken>> = const { RefCell::new(None) };
}

/// Does something with libgit2 on this thread, whose transports go over a line meanwhile.
pub(super) fn during<T>(line: &Arc<Line>, failure: &Failure, work: impl FnOnce() -> T) -> T {
    struct Before(Option<Spoken>);
    impl Drop for Before {
        fn drop(&mut self) {
            SPOKEN.set(self.0.take());
        }
    }
    let _before = Before(SPOKEN.replace(Some(Spoken { line: Arc::clone(line), failure: failure.clone() })));
    work()
}

/// Makes the transport of a remote, for libgit2.
pub(super) fn transport(remote: &Remote<'_>) -> Result<Transport, Error> {
    let spoken = SPOKEN.with_borrow(Clone::clone).ok_or_else(|| Error::new(ErrorCode::GenericError, ErrorClass::Net, "no conversation is held"))?;
    let base = Mutex::new(spoken.line.url().clone());
    Transport::smart(remote, true, Conversation { spoken, base })
}

/// The requests of one conversation.
struct Conversation {
    spoken: Spoken,
    /// The repository's address, which the first answer may change.
    base: Mutex<Url>,
}

impl Conversation {
    fn exchange(&self, service: Service) -> Result<Exchange, Trouble> {
        let Spoken { line, failure } = &self.spoken;
        let mut base = self.base.lock().unwrap_or_else(PoisonError::into_inner);
        match service {
            Service::UploadPackLs | Service::ReceivePackLs => {
                let (answer, found) = line.advertisement(&base, name(service))?;
                *base = found;
                Ok(Exchange::answered(line, failure, answer))
            }
            Service::UploadPack | Service::ReceivePack => Ok(Exchange::begun(line, failure, &base, service)),
        }
    }
}

impl SmartSubtransport for Conversation {
    fn action(&self, _address: &str, service: Service) -> Result<Box<dyn SmartSubtransportStream>, Error> {
        match self.exchange(service) {
            Ok(exchange) => Ok(Box::new(exchange)),
            Err(trouble) => {
                self.spoken.failure.note(trouble);
                Err(Error::new(ErrorCode::GenericError, ErrorClass::Net, NOTED))
            }
        }
    }

    fn close(&self) -> Result<(), Error> {
        Ok(())
    }
}

/// What libgit2 is told of a failure.
const NOTED: &str = "the failure is noted";

/// What a service is called in addresses and content types.
fn name(service: Service) -> &'static str {
    match service {
        Service::UploadPackLs | Service::UploadPack => "git-upload-pack",
        Service::ReceivePackLs | Service::ReceivePack => "git-receive-pack",
    }
}
