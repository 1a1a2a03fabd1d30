//! An answer that streams past.

use std::{cell::RefCell, rc::Rc};

use pointsman::{Metering, PicoUsd, Router};

use crate::{
    bindings::exports::pointsman::router::routing::{self, GuestMeter},
    words::{end, stop, usage},
};

pub(crate) struct Meter {
    router: Rc<Router>,
    metering: RefCell<Metering>,
}

impl Meter {
    pub(crate) fn begin(router: &Rc<Router>, metering: Metering) -> routing::Meter {
        routing::Meter::new(Self { router: Rc::clone(router), metering: RefCell::new(metering) })
    }
}

impl GuestMeter for Meter {
    fn reads_body(&self) -> bool {
        self.metering.borrow().wants_body()
    }

    fn push(&self, chunk: Vec<u8>) {
        self.metering.borrow_mut().push(&chunk);
    }

    fn finish(this: routing::Meter, unix_seconds: Option<u64>) -> routing::Receipt {
        let Self { router, metering } = this.into_inner();
        let receipt = metering.into_inner().finish(&router, unix_seconds);
        routing::Receipt {
            charge: receipt.charge().pico(),
            target: receipt.target,
            status: receipt.status,
            usage: usage(&receipt.metered),
            cost: receipt.cost.map(PicoUsd::pico),
            baseline: receipt.baseline.map(PicoUsd::pico),
            end: end(receipt.metered.end),
            stop: receipt.metered.finish.map(stop),
            error: receipt.metered.error,
            served_model: receipt.metered.served_model,
        }
    }
}
