/**
 * What HELLO announces, by role. A feature stands here if and only if it is implemented.
 */
export const ROLES = {
  caller: {
    features: {
      progressive_call_results: true,
      call_canceling: true,
      call_timeout: true,
      caller_identification: true,
    },
  },
  callee: {
    features: {
      progressive_call_results: true,
      call_canceling: true,
      caller_identification: true,
      pattern_based_registration: true,
      shared_registration: true,
      registration_revocation: true,
    },
  },
  publisher: {
    features: {
      publisher_identification: true,
      publisher_exclusion: true,
      subscriber_blackwhite_listing: true,
    },
  },
  subscriber: {
    features: {
      pattern_based_subscription: true,
      publisher_identification: true,
      subscription_revocation: true,
    },
  },
};
