/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_BASE_LIMITS_H
#define CORE_BASE_LIMITS_H
/* Every input has a named maximum, here. Bytes, counts or milliseconds, as the name says. */

#define LIMIT_LOG_REPEAT     20
#define LIMIT_LOG_LINE_BYTES 4096
#define LIMIT_JSON_DEPTH     256
#define LIMIT_FILE_BYTES     (64U << 20)
#define LIMIT_MANIFEST_DEPTH 16 /* folders below the manifests directory */

/* registry and API */
#define LIMIT_OBJECT_BYTES         (1536U << 10) /* as etcd's request limit */
#define LIMIT_REQUEST_BODY_BYTES   (3U << 20)
#define LIMIT_STRANGER_BODY_BYTES  (64U << 10) /* of a request by nobody known; more is shared */
#define LIMIT_STRANGER_BYTES       (32U << 20) /* all they share, on one API loop */
#define LIMIT_RESPONSE_BYTES       (1U << 30)
#define LIMIT_KEY_BYTES            1024
#define LIMIT_SCALE_PATH_BYTES     256 /* a member on the path to replicas */
#define LIMIT_HISTORY_BYTES        (16U << 20)
#define LIMIT_HISTORY_MS           (5 * 60 * 1000)
#define LIMIT_REVISION_BLOCK       10000
#define LIMIT_REGISTRY_BYTES       (2ULL << 30) /* the file's ceiling */
#define LIMIT_COMMIT_QUEUE         4096
#define LIMIT_COMMIT_GROUP         512
#define LIMIT_PATCH_OPS            10000
#define LIMIT_NORMALISE_ADDED      200000 /* fields filled in: more prints larger than an object */
#define LIMIT_PROTOBUF_DEPTH       64
#define LIMIT_PROTOBUF_NODES       400000      /* JSON values that one body may become */
#define LIMIT_PROTOBUF_MAP         10000       /* entries of one map */
#define LIMIT_PROTOBUF_STEPS       (60U << 20) /* entries walked over, all maps: one full one */
#define LIMIT_YAML_NODES           150000      /* JSON values that a body may become */
#define LIMIT_YAML_FILE_NODES      4000000     /* and a document of a file */
#define LIMIT_YAML_ANCHORS         1000
#define LIMIT_YAML_ALIASED_BYTES   (16U << 20) /* that aliases and merges may copy */
#define LIMIT_PATCH_STEPS          (4U << 20) /* members and elements that a JSON patch walks over */
#define LIMIT_MERGE_STEPS          (20U << 20) /* the same of a merge, small objects in a cache */
#define LIMIT_PATCH_LIST           4096        /* directives in a list, names in one */
#define LIMIT_APPLY_BYTES          (64U << 20) /* sets of fields of one write */
#define LIMIT_MANAGED_UPDATES      10          /* Update entries; the oldest become one */
#define LIMIT_FIELD_MANAGER_BYTES  128
#define LIMIT_SUBRESOURCE_BYTES    256
#define LIMIT_LABEL_SELECTOR_BYTES 16384
#define LIMIT_ISSUE_TEXT_BYTES     (4U << 20) /* one problem of an object, its value quoted */
#define LIMIT_ANNOTATIONS_BYTES    (256U << 10)
#define LIMIT_LIST_ITEMS           1000 /* of a list whose items are compared with each other */
#define LIMIT_QUOTAS               32   /* ResourceQuotas of a namespace that count one object */
#define LIMIT_RESOURCE_NAMES       128  /* resources in one map of a LimitRange or ResourceQuota */
#define LIMIT_DATA_BYTES           (1U << 20)  /* of a ConfigMap or Secret, decoded */
#define LIMIT_OPERATION_BYTES      (16U << 20) /* texts and messages of one write */
#define LIMIT_AUDIT_LINES          4096        /* of the audit log, waiting to be written */
#define LIMIT_AUDIT_BYTES          (16U << 20) /* of them */
#define LIMIT_AUDIT_LINE_BYTES     (4U << 20)
#define LIMIT_AUDIT_OBJECT_BYTES   (1536U << 10) /* shown in one */
#define LIMIT_WARNINGS             64            /* of one write */
#define LIMIT_SERVICE_RANGE        (1U << 20)    /* addresses used of one service range */

/* custom resources */
#define LIMIT_CUSTOM_ROWS         8192        /* of kinds defined since the start */
#define LIMIT_DEFINITION_BYTES    (16U << 20) /* one definition, compiled */
#define LIMIT_SCHEMA_DEPTH        64          /* of a schema, and so of what it is asked about */
#define LIMIT_PATTERN_STEPS       200000      /* of one match */
#define LIMIT_PATTERN_BYTES       4096        /* of one expression */
#define LIMIT_SLOW_PATTERNS       64          /* matches that take many steps, in one validation */
#define LIMIT_SCHEMA_STEPS        4000000     /* schemas applied to values in one validation */
#define LIMIT_JSONPATH_DEPTH      8           /* filters and stars in one path */
#define LIMIT_JSONPATH_NAME_BYTES 320         /* of one member */
#define LIMIT_WARNING_BYTES       1024        /* of a deprecated version */
#define LIMIT_API_VERSION_BYTES   384         /* "group/version" */

/* names */
#define LIMIT_DNS_LABEL_BYTES 63
#define LIMIT_DNS_NAME_BYTES  253

/* endpoint table */
#define LIMIT_ENDPOINT_BUILD_BYTES (256U << 20) /* of work memory for one service */
#define LIMIT_PROBED_BACKENDS      64           /* connected to in one walk */
#define LIMIT_PROBE_MS             500          /* waited for the answer to a connect */

/* observations and traces */
#define LIMIT_REPORT_ITEMS  4096  /* events not yet taken; the oldest go first */
#define LIMIT_REPORT_SERVED 16384 /* Ingresses served or no longer, not yet taken */
#define LIMIT_REPORT_PARTS  64
#define LIMIT_REPORT_BYTES  1024 /* of a message */
#define LIMIT_TRACES        4    /* at a time */
#define LIMIT_TRACE_MS      5000
#define LIMIT_TRACE_BYTES   (1U << 20) /* what one trace may remember */
#define LIMIT_TRACE_TARGET  2048       /* bytes of a target */

/* wire */
#define LIMIT_HTTP_HEAD_BYTES         (16U << 10)
#define LIMIT_HTTP_REQUEST_LINE_BYTES (8U << 10)
#define LIMIT_HTTP_HEADERS            100
#define LIMIT_HTTP_CHUNK_EXT_BYTES    4096 /* all chunks of a body together */
#define LIMIT_HTTP_TRAILER_BYTES      (8U << 10)
#define LIMIT_SPDY_CONTROL_BYTES      (16U << 10) /* a control frame, header block compressed */
#define LIMIT_SPDY_BLOCK_BYTES        (16U << 10) /* a header block, inflated */
#define LIMIT_SPDY_HEADERS            32          /* of one block */
#define LIMIT_PEM_BYTES               (1U << 20)  /* a chain, a key, a bundle of roots */
#define LIMIT_CERT_BYTES              (16U << 10) /* DER of one that we make */
#define LIMIT_TOKEN_BYTES             (12U << 10) /* a bearer token; more is no part of a head */
#define LIMIT_TOKENS_WAITING          256         /* for the check of their signature */
#define LIMIT_CACHED_TOKENS           1024        /* whose signature was checked lately */
#define LIMIT_TLS_CACHED_SESSIONS     256
#define LIMIT_TLS_SESSION_S           3600 /* how long a session can be taken up again */
#define LIMIT_DNS_UDP_BYTES           1232
#define LIMIT_DNS_TCP_BYTES           65535
#define LIMIT_DNS_QUERY_BYTES         1024 /* of one question; longer ones are dropped */
#define LIMIT_DNS_TCP_CLIENTS         256  /* a thread */
#define LIMIT_DNS_TCP_PER_CLIENT      64   /* of one address, a thread */
#define LIMIT_DNS_TCP_IDLE_MS         10000
#define LIMIT_DNS_FORWARDS            1024 /* outstanding, a thread; more are refused */
#define LIMIT_DNS_FORWARD_TRY_MS      2000
#define LIMIT_DNS_FORWARD_TRIES       3
#define LIMIT_DNS_WAITERS             1024 /* clients that share one outstanding question */
#define LIMIT_DNS_SRV_RECORDS         256  /* of one reply; the rest of a service's is left out */

/* streams: exec, attach, port-forward, proxied upgrades */
#define LIMIT_STREAM_IDLE_MS   (4LL * 3600 * 1000) /* nothing either way: closed, as upstream */
#define LIMIT_STREAM_LINGER_MS 5000                /* for the client to close first */
#define LIMIT_STREAM_OPEN_MS   30000       /* for a client to open the streams it asked for */
#define LIMIT_STREAM_OUT_BYTES (4U << 20)  /* waiting for one client */
#define LIMIT_STREAM_IN_BYTES  (64U << 10) /* waiting for one process or port; then all wait */
#define LIMIT_STREAM_FORWARDS  1024        /* connections forwarded for one client */
#define LIMIT_PROXY_DIAL_MS    30000       /* to the server behind a proxy request */
#define LIMIT_STREAM_RESIZE    256         /* bytes of a message of terminal size */

/* ingress */
#define LIMIT_INGRESS_HANDSHAKE_MS 10000
#define LIMIT_INGRESS_HEAD_MS      15000 /* of a request, from its first byte: 408 */
#define LIMIT_INGRESS_IDLE_MS      60000 /* between requests: closed */
#define LIMIT_INGRESS_STALL_MS     30000 /* a client that neither sends nor takes: 408, or closed */
#define LIMIT_INGRESS_CONNECT_MS   2000  /* to one endpoint; then the next */
#define LIMIT_INGRESS_RESPONSE_MS  60000 /* from the request to the response's head: 504 */
#define LIMIT_INGRESS_TRIES        3     /* endpoints tried for one request */
#define LIMIT_INGRESS_BODY_BYTES   (1LL << 30) /* 413 */
#define LIMIT_INGRESS_BUFFER_BYTES (64U << 10) /* waiting in one direction */
#define LIMIT_INGRESS_POOL         64          /* idle connections an endpoint and thread */
#define LIMIT_INGRESS_POOL_IDLE_MS 30000
#define LIMIT_INGRESS_DRAIN_MS     3000
#define LIMIT_INGRESS_LINGER_MS    1000

/* proxy */
#define LIMIT_PROXY_RELAYS           256 /* connections to node ports from this node */
#define LIMIT_PROXY_RELAY_CONNECT_MS 1000
#define LIMIT_PROXY_ACCEPTS          16 /* a turn and node port */
#define LIMIT_PROXY_RETRY_MS         30000
#define LIMIT_PROXY_CHECK_MS         10000 /* between looks at iptables */

#endif
