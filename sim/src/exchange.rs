//! From a request to its answer.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use hyper::http::request::Parts;

use crate::answer::{self, Answer, Frame};
use crate::ask::Ask;
use crate::body::{End, SimBody};
use crate::cache::Billed;
use crate::fault::Fault;
use crate::hash::{Dice, HEX, Hash};
use crate::json::{Json, obj};
use crate::models::{self, Model};
use crate::read;
use crate::refusal::{Kind, Refusal};
use crate::server::{Core, lock};
use crate::strict;
use crate::vendor::{Dialect, Endpoint, Vendor};

/// Bytes of body that Anthropic takes.
const ANTHROPIC_BODY: usize = 32 << 20;

/// What becomes of a request.
pub(crate) enum Outcome {
    Reply(Box<Reply>),
    Reset,
    Hang,
}

/// An answer on its way out.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: SimBody,
    pub(crate) wait: Duration,
    pub(crate) refusal: Option<String>,
    pub(crate) billed: Option<Billed>,
}

/// Decides what a request gets.
pub(crate) fn exchange(core: &Core, head: &Parts, body: &[u8], number: u64) -> Outcome {
    let vendor = core.options.vendor;
    let path = head.uri.path();
    let id = Dice::new(Hash::new().with(vendor.name()).number(number).value()).string(HEX, 24);
    // Until the path is known, the errors look like those of the dialect it resembles.
    let likely = if path.contains("/messages") { Dialect::Messages } else { Dialect::Chat };
    let place = Place { core, dialect: likely, id: &id };
    if let Err(refusal) = vendor.authorize(likely, &core.options.key, &head.headers) {
        return place.refuse(refusal);
    }
    let endpoint = match vendor.route(&core.options.base_path, &head.method, path) {
        Ok(endpoint) => endpoint,
        Err(refusal) => return place.refuse(refusal),
    };
    let place = Place { dialect: endpoint.dialect(), ..place };
    if endpoint == Endpoint::Models {
        let listed: Vec<&str> = core.options.models.iter().map(String::as_str).collect();
        let ids = if listed.is_empty() { models::ids(vendor) } else { listed };
        return place.whole(vendor.list(&ids).compact(), None);
    }
    let fault = if endpoint == Endpoint::CountTokens { Fault::None } else { lock(&core.fault).take() };
    if let Some(outcome) = place.fail(&fault) {
        return outcome;
    }
    match place.answer(head, body, endpoint, &fault) {
        Ok(outcome) => outcome,
        Err(refusal) => place.refuse(refusal),
    }
}

/// What is known of the request when it is answered.
#[derive(Clone, Copy)]
struct Place<'a> {
    core: &'a Core,
    dialect: Dialect,
    id: &'a str,
}

impl Place<'_> {
    fn vendor(&self) -> Vendor {
        self.core.options.vendor
    }

    fn account(&self) -> u64 {
        Hash::of(&self.core.options.key)
    }

    /// The faults that need no answer to spoil.
    fn fail(&self, fault: &Fault) -> Option<Outcome> {
        let vendor = self.vendor();
        let outcome = match fault {
            Fault::Status(status) => self.refuse(Refusal::typical(vendor, *status)),
            Fault::RetryAfter { status, seconds } => self.refuse_with(
                Refusal::typical(vendor, *status),
                vec![("retry-after".to_owned(), seconds.to_string())],
            ),
            Fault::StatusWith { status, headers } => {
                self.refuse_with(Refusal::typical(vendor, *status), headers.clone())
            }
            Fault::InsufficientQuota429 => self.refuse(Refusal::quota(vendor)),
            Fault::Raw { status, content_type, body } => Outcome::Reply(Box::new(Reply {
                status: *status,
                headers: vec![("content-type".to_owned(), content_type.clone())],
                body: SimBody::whole(body.clone()),
                wait: Duration::ZERO,
                refusal: None,
                billed: None,
            })),
            Fault::Reset => Outcome::Reset,
            Fault::Hang => Outcome::Hang,
            Fault::EmptyBody200 => self.whole(String::new(), None),
            Fault::Disguised200 => self.whole(
                obj! {"base_resp": obj! {"status_code": 1002, "status_msg": "rate limit exceeded"}}.compact(),
                None,
            ),
            _ => return None,
        };
        Some(outcome)
    }

    fn answer(
        &self,
        head: &Parts,
        body: &[u8],
        endpoint: Endpoint,
        fault: &Fault,
    ) -> Result<Outcome, Refusal> {
        let body = self.decode(head, body)?;
        let (model, served) = self.model(&body)?;
        let mut ask = self.read(head, &body, model, &served, endpoint)?;
        if endpoint == Endpoint::CountTokens {
            return Ok(self.whole(obj! {"input_tokens": ask.prompt_tokens()}.compact(), None));
        }
        strict::after(&mut ask, &body).map_err(|refusal| self.dress(refusal))?;
        let context = self.core.options.context.map_or(model.context, |cap| cap.min(model.context));
        strict::window(&ask, context).map_err(|refusal| self.dress(refusal))?;
        let billed = lock(&self.core.cache).bill(&ask, &self.core.options.key, Instant::now());
        let answer = answer::make(&ask, billed);
        if ask.keep_response && self.vendor() == Vendor::OpenAi && ask.dialect == Dialect::Responses {
            let mut items = ask.input.clone();
            items.extend(answer::responses::output(&ask, &answer, self.account()));
            lock(&self.core.kept).insert(answer::responses::response_id(&answer), items);
        }
        Ok(if ask.stream { self.stream(&ask, &answer, fault) } else { self.one_piece(&ask, &answer, fault) })
    }

    /// The body as JSON.
    fn decode(&self, head: &Parts, body: &[u8]) -> Result<Json, Refusal> {
        let kind = head.headers.get("content-type").map_or(&b""[..], |value| value.as_bytes());
        if !kind.starts_with(b"application/json") {
            return Err(Refusal::new(
                if self.vendor() == Vendor::Anthropic { 400 } else { 415 },
                Kind::Invalid,
                "Unsupported content type: the body must be sent as 'application/json'.",
            )
            .code("unsupported_content_type"));
        }
        if self.vendor() == Vendor::Anthropic && body.len() > ANTHROPIC_BODY {
            return Err(Refusal::new(413, Kind::TooLarge, "Request exceeds the maximum size"));
        }
        let encoding = head.headers.get("content-encoding").and_then(|value| value.to_str().ok());
        let mut plain = Vec::new();
        let unpacked = match encoding {
            None | Some("identity") => None,
            Some("gzip") if self.vendor() == Vendor::OpenAi => {
                Some(GzDecoder::new(body).read_to_end(&mut plain).is_ok())
            }
            Some("zstd") if self.vendor() == Vendor::OpenAi => Some(
                ruzstd::decoding::StreamingDecoder::new(body)
                    .is_ok_and(|mut decoder| decoder.read_to_end(&mut plain).is_ok()),
            ),
            Some(other) => {
                let text = format!("Unsupported content encoding: {other}");
                return Err(Refusal::new(415, Kind::Invalid, text));
            }
        };
        let bytes = match unpacked {
            None => body,
            Some(true) => &plain,
            Some(false) => return Err(Refusal::invalid("The request body could not be decompressed.")),
        };
        let json = Json::parse(bytes).map_err(|error| {
            Refusal::invalid(match self.vendor() {
                Vendor::OpenAi => format!("We could not parse the JSON body of your request. ({error})"),
                Vendor::DeepSeek => format!("Failed to parse the request body as JSON: {error}"),
                _ => format!("The request body is not valid JSON: {error}"),
            })
        })?;
        if json.is_object() {
            Ok(json)
        } else {
            Err(Refusal::invalid("The request body must be a JSON object."))
        }
    }

    /// The model and the name it answers under.
    fn model(&self, body: &Json) -> Result<(&'static Model, String), Refusal> {
        let vendor = self.vendor();
        let name = match body.get("model") {
            Some(Json::String(name)) if !name.is_empty() => name.as_str(),
            _ if vendor == Vendor::Anthropic => return Err(Refusal::invalid("model: Field required")),
            _ => return Err(Refusal::invalid("you must provide a model parameter").param("model")),
        };
        let named = &self.core.options.models;
        let known = vendor != Vendor::Generic || named.is_empty() || named.iter().any(|known| known == name);
        if let Some(model) = models::find(vendor, name).filter(|_| known) {
            return Ok((model, name.to_owned()));
        }
        // Its Messages path knows no unknown names.
        if (vendor, self.dialect) == (Vendor::DeepSeek, Dialect::Messages) {
            let mapped = if name.starts_with("claude-opus") { "deepseek-v4-pro" } else { "deepseek-flash" };
            if let Some(model) = models::find(vendor, mapped) {
                return Ok((model, mapped.to_owned()));
            }
        }
        let (status, message) = match vendor {
            Vendor::Anthropic => (404, format!("model: {name}")),
            Vendor::OpenAi => {
                (404, format!("The model `{name}` does not exist or you do not have access to it."))
            }
            Vendor::MiniMax => (400, format!("invalid params, unknown model '{name}' (2013)")),
            Vendor::DeepSeek => (400, "Model Not Exist".to_owned()),
            Vendor::Moonshot => (404, format!("Not found the model {name} or Permission denied")),
            Vendor::Zai => (400, "Unknown Model, please check the model code.".to_owned()),
            Vendor::OpenRouter => (400, format!("{name} is not a valid model ID")),
            Vendor::Generic => (404, format!("The model `{name}` does not exist.")),
        };
        let refusal = Refusal::new(status, Kind::Model, message);
        Err(if vendor == Vendor::Zai { refusal.code("1211") } else { refusal })
    }

    fn read(
        &self,
        head: &Parts,
        body: &Json,
        model: &'static Model,
        served: &str,
        endpoint: Endpoint,
    ) -> Result<Ask, Refusal> {
        let vendor = self.vendor();
        let read = || {
            strict::before(vendor, self.dialect, model, body, &head.headers)?;
            match self.dialect {
                Dialect::Chat => read::chat::read(vendor, model, served, body),
                Dialect::Messages => {
                    let account = read::messages::Account {
                        id: self.account(),
                        prefix_bound: self.core.options.thinking_bound,
                        drops_bound: strict::drops_bound(body, &head.headers),
                        counting: endpoint == Endpoint::CountTokens,
                    };
                    read::messages::read(vendor, model, served, body, account)
                }
                Dialect::Responses => {
                    read::responses::read(vendor, model, served, body, self.account(), &|id| {
                        lock(&self.core.kept).get(id).cloned()
                    })
                }
            }
        };
        read().map_err(|refusal| self.dress(refusal))
    }

    /// The vendor's own way to say what the shared reader found.
    fn dress(&self, mut refusal: Refusal) -> Refusal {
        if self.vendor() == Vendor::MiniMax && refusal.kind == Kind::Invalid {
            refusal.message = format!("invalid params, {} (2013)", refusal.message);
        }
        refusal
    }

    fn one_piece(&self, ask: &Ask, answer: &Answer, fault: &Fault) -> Outcome {
        if matches!(fault, Fault::ErrorInStreamBeforeContent | Fault::ErrorInStreamAfterContent) {
            return self.refuse(self.breakdown());
        }
        let json = match ask.dialect {
            Dialect::Chat => answer::chat::whole(ask, answer),
            Dialect::Messages => answer::messages::whole(ask, answer, self.account()),
            Dialect::Responses => answer::responses::whole(ask, answer, self.account()),
        };
        // OpenAI sends whole answers over many lines.
        let text = if self.vendor() == Vendor::OpenAi { json.pretty() } else { json.compact() };
        let half = text.len() / 2;
        let bytes = Bytes::from(text);
        let body = match fault {
            Fault::HangAfterHeaders => {
                SimBody::pieces(Vec::new(), Duration::ZERO, Duration::ZERO, End::Never)
            }
            Fault::CutStream { .. } => {
                SimBody::pieces(vec![bytes.slice(..half)], Duration::ZERO, Duration::from_millis(1), End::Cut)
            }
            Fault::EndEarly { .. } => {
                SimBody::pieces(vec![bytes.slice(..half)], Duration::ZERO, Duration::ZERO, End::Good)
            }
            Fault::Compressed => SimBody::whole(gzip(&bytes)),
            _ => SimBody::whole(bytes),
        };
        self.reply("application/json", body, fault, Some(answer.billed))
    }

    fn stream(&self, ask: &Ask, answer: &Answer, fault: &Fault) -> Outcome {
        let speed = &self.core.options.speed;
        let mut frames = match ask.dialect {
            Dialect::Chat => answer::chat::stream(ask, answer, speed.deltas),
            Dialect::Messages => answer::messages::stream(ask, answer, self.account(), speed.deltas),
            Dialect::Responses => answer::responses::stream(ask, answer, self.account(), speed.deltas),
        };
        let mut end = End::Good;
        let mut billed = Some(answer.billed);
        let first = frames.iter().position(|frame| frame.content).unwrap_or(frames.len());
        let content = frames.iter().filter(|frame| frame.content).count();
        match fault {
            Fault::ErrorInStreamBeforeContent => self.break_off(ask, answer, &mut frames, first),
            Fault::ErrorInStreamAfterContent => {
                self.break_off(ask, answer, &mut frames, first + (content / 2).max(2));
            }
            Fault::CutStream { after_events } => {
                frames.truncate(*after_events);
                end = End::Cut;
            }
            Fault::EndEarly { after_events } => frames.truncate(*after_events),
            Fault::HangAfterHeaders => {
                frames.clear();
                end = End::Never;
            }
            _ => {}
        }
        if !matches!(fault, Fault::None | Fault::SlowStream { .. } | Fault::SlowHead(_) | Fault::Compressed) {
            billed = None;
        }
        let gap = if let Fault::SlowStream { delay } = fault { *delay } else { speed.gap };
        let chunks = match (fault, speed.fragment) {
            (Fault::Compressed, _) => vec![gzip(&join(&frames))],
            (_, Some(size)) => {
                let bytes = Bytes::from(join(&frames));
                (0..bytes.len())
                    .step_by(size.max(1))
                    .map(|at| bytes.slice(at..(at + size).min(bytes.len())))
                    .collect()
            }
            _ => frames.into_iter().map(|frame| Bytes::from(frame.text)).collect(),
        };
        let body = SimBody::pieces(chunks, speed.first_event, gap, end);
        self.reply("text/event-stream; charset=utf-8", body, fault, billed)
    }

    /// Ends the stream after `keep` frames with the dialect's error.
    fn break_off(&self, ask: &Ask, answer: &Answer, frames: &mut Vec<Frame>, keep: usize) {
        frames.truncate(keep);
        let refusal = self.breakdown();
        frames.extend(match ask.dialect {
            Dialect::Chat => answer::chat::failure(ask, answer, &refusal),
            Dialect::Messages => answer::messages::failure(answer, &refusal),
            Dialect::Responses => answer::responses::failure(ask, answer, &refusal, keep),
        });
    }

    fn breakdown(&self) -> Refusal {
        let status =
            if self.vendor() == Vendor::Anthropic || self.dialect == Dialect::Messages { 529 } else { 500 };
        Refusal::typical(self.vendor(), status)
    }

    fn refuse(&self, refusal: Refusal) -> Outcome {
        self.refuse_with(refusal, Vec::new())
    }

    fn refuse_with(&self, refusal: Refusal, more: Vec<(String, String)>) -> Outcome {
        let body = refusal.body(self.vendor(), self.dialect, self.id).compact();
        let mut headers = self.headers("application/json");
        headers.extend(more);
        Outcome::Reply(Box::new(Reply {
            status: refusal.status,
            headers,
            body: SimBody::whole(body),
            wait: Duration::ZERO,
            refusal: Some(refusal.message),
            billed: None,
        }))
    }

    fn whole(&self, text: String, billed: Option<Billed>) -> Outcome {
        self.reply("application/json", SimBody::whole(text), &Fault::None, billed)
    }

    fn reply(&self, kind: &str, body: SimBody, fault: &Fault, billed: Option<Billed>) -> Outcome {
        let mut headers = self.headers(kind);
        if *fault == Fault::Compressed {
            headers.push(("content-encoding".to_owned(), "gzip".to_owned()));
        }
        let wait = if let Fault::SlowHead(wait) = fault { *wait } else { Duration::ZERO };
        Outcome::Reply(Box::new(Reply { status: 200, headers, body, wait, refusal: None, billed }))
    }

    fn headers(&self, kind: &str) -> Vec<(String, String)> {
        let mut headers = vec![("content-type".to_owned(), kind.to_owned())];
        if kind.starts_with("text/event-stream") {
            headers.push(("cache-control".to_owned(), "no-cache".to_owned()));
        }
        let own = self.vendor().headers(self.dialect, self.id);
        headers.extend(own.into_iter().map(|(name, value)| (name.to_owned(), value)));
        headers
    }
}

fn join(frames: &[Frame]) -> Vec<u8> {
    frames.iter().flat_map(|frame| frame.text.bytes()).collect()
}

fn gzip(bytes: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    // Writing to memory does not fail.
    let _ = encoder.write_all(bytes);
    Bytes::from(encoder.finish().unwrap_or_default())
}
