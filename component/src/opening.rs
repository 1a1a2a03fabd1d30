//! The beginning of an event stream.

use std::cell::RefCell;

use pointsman::meter;

use crate::{
    bindings::exports::pointsman::router::routing::{self, GuestOpening},
    words::peek,
};

pub(crate) struct Opening(RefCell<meter::Opening>);

impl Opening {
    pub(crate) fn begin(opening: meter::Opening) -> routing::Opening {
        routing::Opening::new(Self(RefCell::new(opening)))
    }
}

impl GuestOpening for Opening {
    fn peek(&self) -> routing::Peek {
        peek(self.0.borrow().peek())
    }

    fn push(&self, chunk: Vec<u8>) -> routing::Peek {
        peek(self.0.borrow_mut().push(&chunk))
    }
}
