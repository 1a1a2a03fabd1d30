//! One exchange: from a client's request to the answer that it gets.

use std::{sync::Arc, time::Instant};

use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{CONTENT_TYPE, HeaderValue, UPGRADE},
    http::{request::Parts, uri::PathAndQuery},
};
use pointsman::{Dialect, Forward, Opened, Rejection, RequestHead, Routed, outgoing};

use super::{
    answer::Answer,
    attempts::{self, Outgoing, OutgoingBody, extend, pairs},
    gateway::Gateway,
    patient::Outlet,
    received::{self, Unread},
    samples::{self, Asked},
    story::Story,
};

/// Answers a request. `outlet` is that of the connection that it came by, `thread` the number of that which
/// serves it.
pub(super) async fn exchange(
    gateway: Arc<Gateway>,
    request: Request<Incoming>,
    outlet: Outlet,
    thread: usize,
) -> Response<Answer> {
    let setup = gateway.setup();
    let (head, body) = request.into_parts();
    let headers = pairs(&head.headers);
    let path = head.uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let mut story = Story::begin(gateway, Arc::clone(&setup), thread, head.method.as_str(), path);
    let request =
        RequestHead { method: head.method.as_str().as_bytes(), path: path.as_bytes(), headers: &headers };
    if leaves_http(&head) {
        received::let_go(body);
        return refuse(story, not_carried(request.spoken()));
    }
    let opened = setup.router.open(&request);
    let pending = match opened {
        Opened::NeedBody(pending) => pending,
        Opened::Forward(forward) => {
            let now = story.unix_seconds();
            let weighed =
                forward.afford(&setup.router, now, |account| story.gateway.ledger().weight(account));
            return match weighed {
                Routed::Forward(forward) => {
                    let body = OutgoingBody::Passing(Some(body));
                    deliver(story, &forward, (&head, &headers, outlet), body).await
                }
                Routed::Reject(rejection) => {
                    received::let_go(body);
                    refuse(story, rejection)
                }
            };
        }
        Opened::Answer(answer) => {
            received::let_go(body);
            story.answers(answer.status, answer.body.len());
            return own(answer.status, answer.body);
        }
        Opened::Reject(rejection) => {
            received::let_go(body);
            return refuse(story, rejection);
        }
    };
    let (dialect, most) = (pending.dialect(), setup.settings.max_body as usize);
    let body = match received::read(body, most, setup.settings.idle_timeout()).await {
        Ok(body) => body,
        Err(unread) => {
            let rejection = match unread {
                Unread::TooLarge(rest) => {
                    received::let_go(rest);
                    pending.too_large(most)
                }
                Unread::Silent => timed_out(dialect),
                Unread::Broken => broken(dialect),
            };
            return refuse(story, rejection);
        }
    };
    story.received(body.len());
    let now = story.unix_seconds();
    let (routed, micros) = timed(|| {
        let heard = pending.read(&body);
        let memory = heard.identity().and_then(|identity| story.gateway.conversations().get(identity));
        // One request after the other, from the look into the purse to the promise: two do not spend the same money.
        let mut ledger = (!setup.router.config().budgets().is_empty()).then(|| story.gateway.ledger());
        let heard = match &ledger {
            Some(ledger) => heard.afford(&setup.router, now, |account| ledger.weight(account)),
            None => heard,
        };
        let routed = heard.route(&setup.router, memory.as_ref(), Some(now));
        if let (Some(ledger), Routed::Forward(forward)) = (&mut ledger, &routed)
            && let Some(tab) = forward.tab()
        {
            ledger.hold(tab);
        }
        routed
    });
    story.gateway.counters.decision(micros);
    match routed {
        Routed::Forward(forward) => {
            deliver(story, &forward, (&head, &headers, outlet), OutgoingBody::Read(body)).await
        }
        Routed::Reject(rejection) => refuse(story, rejection),
    }
}

async fn deliver(
    mut story: Story,
    forward: &Forward,
    (head, headers, outlet): (&Parts, &[(&str, &[u8])], Outlet),
    body: OutgoingBody,
) -> Response<Answer> {
    story.decided(forward);
    if let (Some(plan), OutgoingBody::Read(body)) = (forward.sampling(), &body) {
        let asked = Asked { head, headers, body: body.clone() };
        return match samples::deliver(&mut story, forward, plan, &asked).await {
            Ok(response) => response,
            Err(rejection) => refuse(story, rejection),
        };
    }
    let outgoing = Outgoing { head, headers, body };
    let arrived = match attempts::make(&mut story, forward, outgoing).await {
        Ok(arrived) => arrived,
        Err(rejection) => return refuse(story, rejection),
    };
    let attempt = forward.attempts().get(arrived.attempt);
    let upstream = attempt.map(|attempt| attempt.upstream.as_str());
    let metering = forward.respond(upstream, &attempts::response_head(&arrived.head));
    if let Some(attempt) = attempt {
        story.delivers(attempt, arrived.head.status.as_u16(), metering);
    }
    let theirs = pairs(&arrived.head.headers);
    let ours = outgoing::response_headers(forward, attempt, &theirs);
    let arrived_body = (arrived.opening, arrived.body, arrived.place);
    let mut response = Response::new(Answer::passing(arrived_body, story, outlet));
    *response.status_mut() = arrived.head.status;
    extend(response.headers_mut(), ours, &arrived.head.headers);
    response
}

fn refuse(mut story: Story, rejection: Rejection) -> Response<Answer> {
    story.refuses(&rejection);
    let mut response = own(rejection.status, rejection.body);
    for (name, value) in rejection.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn own(status: u16, body: Vec<u8>) -> Response<Answer> {
    let mut response = Response::new(Answer::own(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Whether the client wants to speak another protocol on this connection. An offer of HTTP/2 may be passed over; who asks
/// for a WebSocket would wait for it.
fn leaves_http(head: &Parts) -> bool {
    let offers = head.headers.get_all(UPGRADE).iter().filter_map(|value| value.to_str().ok());
    head.method == Method::CONNECT
        || offers.flat_map(|value| value.split(',')).any(|offer| !offer.trim().eq_ignore_ascii_case("h2c"))
}

fn not_carried(dialect: Dialect) -> Rejection {
    let message = "this gateway carries HTTP requests and event streams, no WebSockets and no tunnels; use the \
                   streaming HTTP API";
    Rejection::new(Some(dialect), 501, "not_http", message)
}

fn timed_out(dialect: Dialect) -> Rejection {
    Rejection::new(Some(dialect), 408, "request_timeout", "the rest of the request body did not come in time")
}

fn broken(dialect: Dialect) -> Rejection {
    Rejection::new(Some(dialect), 400, "request_broken", "the request body broke off before its end")
}

/// The result, and how long it took in microseconds.
#[expect(clippy::disallowed_methods, reason = "the core has no clock; the gateway measures")]
fn timed<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let began = Instant::now();
    let done = work();
    (done, u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX))
}
