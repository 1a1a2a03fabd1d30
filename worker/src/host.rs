//! Cloudflare, as its own crate has it: bindings and secrets, KV, Analytics Engine, the log, answers of our own.

use std::{cell::RefCell, panic};

use wasm_bindgen::prelude::{JsValue, wasm_bindgen};
use worker::{
    AnalyticsEngineDataPointBuilder, AnalyticsEngineDataset, Env, Headers, Response, ResponseBody,
    console_error,
    js_sys::{JSON, Promise, futures::future_to_promise},
    web_sys,
};

use crate::{
    door::Said,
    exports::{millis, with_door},
    point::Point,
    reply::Verb,
};

/// Name of the text binding with the configuration document.
const DOCUMENT: &str = "POINTSMAN_CONFIG";

/// Name of the KV namespace whose key [`KEY`] holds it instead.
const NAMESPACE: &str = "POINTSMAN_KV";
const KEY: &str = "config";

/// Name of the Analytics Engine data set.
const DATASET: &str = "POINTSMAN_ANALYTICS";

/// Most thousandths by which an isolate lets a provider rest longer than another does.
const SPREAD: u32 = 200;

thread_local! {
    static BINDINGS: RefCell<Bindings> = RefCell::default();
}

/// What is known of the host's bindings.
#[derive(Debug, Default)]
struct Bindings {
    dataset: Option<AnalyticsEngineDataset>,
    /// Whether the document lies in KV.
    kv: bool,
    /// The text that was read last.
    text: Option<String>,
    /// Whether there was an answer yet.
    loaded: bool,
    /// Milliseconds since 1970 of the last question.
    asked: u64,
}

#[wasm_bindgen]
extern "C" {
    // Of one argument: the formatted macros of `worker` make a value of each line first.
    #[wasm_bindgen(js_namespace = console)]
    fn log(line: &str);
}

/// Before all else, once an instance: where a panic is told, and how long providers rest here.
#[wasm_bindgen]
pub fn begin() {
    panic::set_hook(Box::new(|info| {
        // Where, not what: a message may quote the text that it stumbled over.
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        console_error!("pointsman: the router failed at {place}");
    }));
    let (spread, seed) = (getrandom::u32().unwrap_or(0) % SPREAD, getrandom::u64().unwrap_or(0));
    with_door(|door| door.seed(spread, seed));
}

/// Whether nothing has to be asked of the host before a request is answered.
#[wasm_bindgen]
pub fn fresh(now: f64) -> bool {
    BINDINGS.with_borrow(|bindings| {
        let kept = || with_door(|door| door.settings().map_or(10, |settings| settings.kv_ttl_s));
        bindings.loaded
            && (!bindings.kv || millis(now).saturating_sub(bindings.asked) < u64::from(kept()) * 1000)
    })
}

/// Reads the document and the keys from the host. Requests that come meanwhile go on with what there is.
#[wasm_bindgen]
pub fn load(env: Env, now: f64) -> Promise {
    BINDINGS.with_borrow_mut(|bindings| bindings.asked = millis(now));
    future_to_promise(async move {
        take(&env).await;
        Ok(JsValue::UNDEFINED)
    })
}

async fn take(env: &Env) {
    let namespace = env.kv(NAMESPACE).ok();
    let kv = namespace.is_some();
    let mut text = None;
    if let Some(namespace) = namespace {
        match namespace.get(KEY).text().await {
            Ok(found) => text = found,
            Err(error) => {
                console_error!("pointsman: KV did not answer: {error}");
                if BINDINGS.with_borrow(|bindings| bindings.text.is_some()) {
                    return;
                }
            }
        }
    }
    let text = text.or_else(|| bound(env));
    let known = BINDINGS.with_borrow_mut(|bindings| {
        bindings.loaded = true;
        bindings.kv = kv;
        bindings.dataset = env.analytics_engine(DATASET).ok();
        let known = bindings.text == text;
        bindings.text.clone_from(&text);
        known
    });
    let Some(text) = text else {
        console_error!("pointsman: there is no configuration");
        return;
    };
    if !known {
        settle(env, &text);
    }
}

/// The document as a binding: a text, or an object that `wrangler.toml` spells out.
fn bound(env: &Env) -> Option<String> {
    if let Ok(text) = env.var(DOCUMENT).map(|text| JsValue::from(text).as_string()) {
        return text;
    }
    let object = worker::js_sys::Reflect::get(env, &JsValue::from_str(DOCUMENT)).ok()?;
    JSON::stringify(&object).ok().and_then(|text| text.as_string())
}

fn settle(env: &Env, text: &str) {
    with_door(|door| {
        let (verb, lines) = Verb::read(&door.settle(text.as_bytes()));
        if verb != Some(Verb::Settled) {
            console_error!("pointsman: the configuration is not usable: {}", lines.join(": "));
            return;
        }
        if door.wanted().is_some_and(|binding| env.durable_object(binding).is_err()) {
            if let Some(error) = door.unbound() {
                console_error!("pointsman: the configuration is not usable: {error}");
            }
            return;
        }
        let key = |name: &String| Some(format!("{name}\n{}", env.secret(name).ok()?.to_string().trim()));
        let keys: Vec<String> = lines.iter().filter_map(key).collect();
        door.keys(keys.join("\n").as_bytes());
    });
}

/// Whether data points are written.
pub(crate) fn counts() -> bool {
    BINDINGS.with_borrow(|bindings| bindings.dataset.is_some())
}

/// Writes the last word on an exchange.
pub(crate) fn write(line: Option<String>, point: Option<Point>) {
    if let Some(line) = line {
        log(&line);
    }
    let Some(Point { index, blobs, doubles }) = point else { return };
    BINDINGS.with_borrow(|bindings| {
        let Some(dataset) = &bindings.dataset else { return };
        #[expect(clippy::cast_precision_loss, reason = "Analytics Engine has floats alone")]
        let doubles = doubles.into_iter().map(|double| double as f64);
        let point =
            AnalyticsEngineDataPointBuilder::new().indexes([index.as_str()]).blobs(blobs).doubles(doubles);
        if let Err(error) = point.write_to(dataset) {
            console_error!("pointsman: a data point is lost: {error}");
        }
    });
}

/// The answer that the reply `Answer` speaks of.
///
/// # Errors
/// There is none, or the host does not take it.
#[wasm_bindgen]
pub fn answer() -> Result<web_sys::Response, JsValue> {
    let said = with_door(|door| door.said()).ok_or("nothing was answered")?;
    let headers = Headers::new();
    headers.set("content-type", "application/json")?;
    for (name, value) in &said.headers {
        headers.set(name, value)?;
    }
    let Said { status, body, .. } = said;
    let body = if body.is_empty() { ResponseBody::Empty } else { ResponseBody::Body(body) };
    Ok(Response::from_body(body)?.with_status(status).with_headers(headers).into())
}
