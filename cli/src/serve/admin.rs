//! The admin listener: metrics and health. On an address of its own, so that no path of a client is taken away.

use std::{convert::Infallible, fmt::Write as _, sync::Arc};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Request, Response, StatusCode,
    header::{CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

use super::gateway::{Gateway, now};

/// Answers until it is dropped.
pub(super) async fn serve(listener: TcpListener, gateway: Arc<Gateway>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            continue;
        };
        let gateway = Arc::clone(&gateway);
        tokio::spawn(async move {
            let service = service_fn(|request: Request<_>| {
                let page = page(&gateway, request.uri().path());
                async move { Ok::<_, Infallible>(page) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service);
            // How it ends concerns whoever asked.
            let _ = connection.await;
        });
    }
}

fn page(gateway: &Gateway, path: &str) -> Response<Full<Bytes>> {
    match path {
        "/metrics" => text(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", metrics(gateway)),
        "/healthz" => plain(StatusCode::OK, "ok\n"),
        "/ready" if gateway.is_ending() => plain(StatusCode::SERVICE_UNAVAILABLE, "ending\n"),
        "/ready" => plain(StatusCode::OK, "LIVE\n"),
        "/" => plain(StatusCode::OK, "/metrics\n/healthz\n/ready\n"),
        _ => plain(StatusCode::NOT_FOUND, "there are /metrics, /healthz and /ready\n"),
    }
}

/// The counters, and what is of this moment.
fn metrics(gateway: &Gateway) -> String {
    let mut page = gateway.counters.page();
    // Writing to a string does not fail.
    let _ = writeln!(
        page,
        "# TYPE pointsman_open_requests gauge\npointsman_open_requests{{}} {}",
        gateway.open()
    );
    let _ = writeln!(page, "# TYPE pointsman_resting gauge");
    for (name, _) in gateway.circuits().all_resting(now()) {
        let _ = writeln!(page, "pointsman_resting{{name=\"{name}\"}} 1");
    }
    page
}

fn plain(status: StatusCode, body: &'static str) -> Response<Full<Bytes>> {
    text(status, "text/plain; charset=utf-8", body.to_owned())
}

fn text(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
