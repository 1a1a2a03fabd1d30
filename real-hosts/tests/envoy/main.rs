//! A real Envoy with the filter as it ships, in front of simulated providers.

mod rules;
