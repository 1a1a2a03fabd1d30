//! A host of the component in sixty lines: it decides one request and bills one answer, with no network.
//!
//! ```sh
//! cargo xtask dist
//! cd examples/data
//! cargo run -p pointsman-host -- ../../target/dist/pointsman.component.wasm config.json request.json answer.json
//! ```

use std::{env, error::Error, fs};

use wasmtime::{
    Engine, Store,
    component::{Component, Linker},
};

#[allow(
    missing_docs,
    unreachable_pub,
    reason = "made by the macro from the package, where they are documented"
)]
mod bindings {
    wasmtime::component::bindgen!({ world: "router", path: "../../wit" });
}
use bindings::exports::pointsman::router::routing::{Outcome, RequestHead, ResponseHead};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [component, config, request, answer] = &arguments[..] else {
        return Err("usage: pointsman-host COMPONENT CONFIG REQUEST ANSWER".into());
    };

    // An empty linker: the component imports nothing.
    let engine = Engine::default();
    let component = Component::from_file(&engine, component)?;
    let mut store = Store::new(&engine, ());
    let bindings = bindings::Router::instantiate(&mut store, &component, &Linker::new(&engine))?;
    let api = bindings.pointsman_router_routing();
    let (routers, exchanges, meters) = (api.router(), api.exchange(), api.meter());

    let router = routers
        .call_configure(&mut store, &fs::read(config)?)?
        .map_err(|error| format!("{config} at {}: {}", error.pointer, error.message))?;

    let fields = b"content-type: application/json\n".to_vec();
    let (method, path) = ("POST".to_owned(), "/v1/chat/completions".to_owned());
    let head = RequestHead { method, path, fields: fields.clone() };
    let exchange = match routers.call_route(&mut store, router, &head, &fs::read(request)?)? {
        Outcome::Forward(exchange) => exchange,
        Outcome::Answer(answer) => return Err(String::from_utf8_lossy(&answer.body).into()),
        Outcome::Reject(refusal) => return Err(String::from_utf8_lossy(&refusal.body).into()),
    };
    let summary = exchanges.call_summary(&mut store, exchange)?;
    println!("tier {}: {}", summary.tier.unwrap_or_default(), summary.reason);

    // What a host with a network would send, to one after the other until one answers.
    for (index, target) in (0..).zip(exchanges.call_targets(&mut store, exchange)?) {
        let attempt = exchanges
            .call_attempt(&mut store, exchange, index, Some("a-key"))?
            .map_err(|error| format!("{}: {error:?}", target.name))?;
        println!("{} at {}", target.name, attempt.url);
        for (name, value) in &attempt.headers {
            println!("  {name}: {}", String::from_utf8_lossy(value));
        }
        let body = exchanges.call_body(&mut store, exchange, index)?;
        println!("  {}", String::from_utf8_lossy(&body).trim_end());
    }

    // Suppose that the first one answered: its answer goes to the client, and a copy through the meter.
    let head = ResponseHead { status: 200, fields };
    let meter = exchanges.call_meter(&mut store, exchange, Some(0), &head)?;
    for chunk in fs::read(answer)?.chunks(1024) {
        meters.call_push(&mut store, meter, chunk)?;
    }
    let receipt = meters.call_finish(&mut store, meter, None)?;
    let [output, cost, baseline] =
        [receipt.usage.output, receipt.cost, receipt.baseline].map(Option::unwrap_or_default);
    println!("{output} tokens out, {cost} pico-dollars instead of {baseline}");
    Ok(())
}
