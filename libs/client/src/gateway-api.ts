// Generated from openapi/gateway.json by `npm run -s openapi`; a test fails where it is not.
export interface paths {
    "/v1/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What operators did, newest first
         * @description Needs the scope `audit:read`.
         */
        get: operations["auditLog"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/audit/ledger": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Sums of the ledger
         * @description Every asset must sum to zero.
         *
         *     Needs the scope `audit:read`.
         */
        get: operations["ledgerTotals"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/blobs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Begin or go on with an upload
         * @description Needs the scope `models:manage`.
         */
        post: operations["beginUpload"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/blobs/{sha256}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Send the bytes of a blob
         * @description Streams to the registry, which verifies the digest. An upload that broke goes on with `Content-Range: bytes <from>-<to>/<size>` from `offsetBytes` of POST /v1/blobs.
         *
         *     Needs the scope `models:manage`.
         */
        put: operations["uploadBlob"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/blobs/{sha256}/inspect": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * What a manifest needs, read out of an ONNX file
         * @description Needs the scope `models:manage`.
         */
        post: operations["inspectBlob"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/cluster": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Who this cluster is
         * @description Its descriptor and the delegation of the key that signed it.
         */
        get: operations["cluster"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/governance/log": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Everything that was decided, for anyone to count again
         * @description Oldest first, each entry with the hash of the one before, each proposal and ballot as it was signed. `npm run -s watershed -- governance recount` counts it.
         */
        get: operations["decisionLog"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/governance/operators": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whose ballots count now */
        get: operations["listOperators"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/governance/proposals": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Proposals and where they stand, newest first */
        get: operations["listProposals"];
        put?: never;
        /**
         * Ask the operators to decide
         * @description A proposal signed by an operator's key, which names all who may vote; `npm run -s watershed -- nodes` and `operators` make one. Repeated: the same answer.
         *
         *     Needs the scope `nodes:manage`.
         */
        post: operations["openProposal"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/governance/proposals/{proposalId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One proposal with its ballots */
        get: operations["getProposal"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/governance/proposals/{proposalId}/ballots": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Vote on a proposal
         * @description A ballot signed by an operator's key; `npm run -s watershed -- proposals vote` makes one. The ballot that decides has its effect before it is answered. Repeated: the same answer.
         *
         *     Needs the scope `nodes:manage`.
         */
        post: operations["castBallot"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/grants": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Grant money to a person
         * @description Needs the scope `grants:create`.
         */
        post: operations["grantMoney"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/infer": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Ask a model about a text
         * @description Costs what `POST /v1/prices/quote` says. The usage is durable before the answer leaves; whoever hangs up is charged for what ran.
         *
         *     Needs the scope `infer`.
         */
        post: operations["inferText"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/invitations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List invitations
         * @description Needs the scope `people:manage`.
         */
        get: operations["listInvitations"];
        put?: never;
        /**
         * Invite someone to sign up
         * @description Makes a one-use code, which is shown this once; `POST /v1/people` takes it as `invitation`.
         *
         *     Needs the scope `people:manage`.
         */
        post: operations["invite"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/invitations/{invitationId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Revoke an invitation
         * @description Needs the scope `people:manage`.
         */
        delete: operations["revokeInvitation"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/join": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Join with a ticket
         * @description The manifest carries two signatures: of the node’s key, whose thumbprint the ticket names, and of an operator of this cluster. The node chooses its passwords and sends what Redis (SHA-256) and Postgres (SCRAM verifier) keep of them; the answer says where to log in. A ticket works once; the same request gets the same answer until it expires.
         */
        post: operations["joinCluster"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List my keys
         * @description Needs the scope `keys:manage`.
         */
        get: operations["listKeys"];
        put?: never;
        /**
         * Make a key
         * @description For a device, a program or an agent. It can hold at most what the key you use holds, and never decides about keys, the account or consent.
         *
         *     Needs the scope `keys:manage`.
         */
        post: operations["createKey"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/keys/{keyId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Revoke a key
         * @description Its tokens die with it.
         *
         *     Needs the scope `keys:manage`.
         */
        delete: operations["revokeKey"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/keys/{keyId}/rotate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Give a key a new secret
         * @description The new key has the same rights; the old one dies at once.
         *
         *     Needs the scope `keys:manage`.
         */
        post: operations["rotateKey"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/me": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Who am I?
         * @description Needs the scope `account:read`.
         */
        get: operations["me"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/me/close": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Close my account, for good
         * @description Keys and tokens die at once; what was kept for repeated requests is erased. Pods are erased and the rest of the purse goes back to issuance as soon as what runs has ended. The ledger keeps its entries, under an id that is never used again.
         *
         *     Needs the scope `account:manage`.
         */
        post: operations["closeAccount"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/me/policy": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Change where my data may lie and go
         * @description Needs the scope `account:manage`.
         */
        patch: operations["setPolicy"];
        trace?: never;
    };
    "/v1/models": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Models, with their prices
         * @description Needs the scope `infer`.
         */
        get: operations["listModels"];
        put?: never;
        /**
         * Submit a version
         * @description The manifest is signed by its publisher; the same again is the same.
         *
         *     Needs the scope `models:manage`.
         */
        post: operations["submitModel"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/models/{organisation}/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * One model
         * @description Needs the scope `infer`.
         */
        get: operations["getModel"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/models/{organisation}/{name}/{version}/review": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Approve, reject or withdraw a version
         * @description Needs the scope `models:manage`.
         */
        post: operations["reviewModel"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/nodes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Nodes as the index knows them
         * @description Needs the scope `nodes:read`.
         */
        get: operations["listNodes"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/nodes/tickets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make a ticket that lets one node in, once
         * @description Bound to the thumbprint of the node's key and to its services. It is shown this once.
         *
         *     Needs the scope `nodes:manage`.
         */
        post: operations["issueJoinTicket"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/people": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List people
         * @description Needs the scope `people:manage`.
         */
        get: operations["listPeople"];
        put?: never;
        /**
         * Sign up
         * @description Makes a person with an opaque id, a first key and a recovery code, which are shown this once. Where signing up takes an invitation, send its code.
         */
        post: operations["signUp"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/people/recover": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Get an account back
         * @description Uses up the recovery code of the sign-up: every key dies, a new first key and a new code are shown.
         */
        post: operations["recover"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/people/{personId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * See an account, and how far its closing has come
         * @description Needs the scope `people:manage`.
         */
        get: operations["person"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/people/{personId}/role": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Make someone an auditor, or a person again
         * @description Needs the scope `people:manage`.
         */
        put: operations["setRole"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/placements": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What is served where, and how far it has come
         * @description Needs the scope `models:manage`.
         */
        get: operations["listPlacements"];
        put?: never;
        /**
         * Have a model served
         * @description By one node, or by every runner that has room.
         *
         *     Needs the scope `models:manage`.
         */
        post: operations["place"];
        /**
         * Have a model served no more
         * @description Needs the scope `models:manage`.
         */
        delete: operations["displace"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/pods": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * My pods
         * @description Needs the scope `pods:read`.
         */
        get: operations["listPods"];
        put?: never;
        /**
         * Make a pod
         * @description Needs the scope `pods:write`.
         */
        post: operations["createPod"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/pods/{podId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * One pod
         * @description Needs the scope `pods:read`.
         */
        get: operations["getPod"];
        put?: never;
        post?: never;
        /**
         * Delete a pod with all that is in it
         * @description Needs the scope `pods:write`.
         */
        delete: operations["deletePod"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/pods/{podId}/resources": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What lies in a pod
         * @description Needs the scope `pods:read`.
         */
        get: operations["listResources"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/pods/{podId}/resources/{path}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read a resource
         * @description Comes with the media type it was stored with.
         *
         *     Needs the scope `pods:read`.
         */
        get: operations["getResource"];
        /**
         * Store a resource
         * @description Send any media type: it is kept, and comes back when the resource is read. Takes a Content-Length, not chunks.
         *
         *     Needs the scope `pods:write`.
         */
        put: operations["putResource"];
        post?: never;
        /**
         * Delete a resource
         * @description Needs the scope `pods:write`.
         */
        delete: operations["deleteResource"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/prices/quote": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * What would this cost?
         * @description The price of one request by the size of its input in UTF-8 bytes, exactly as it would be charged now. Whether such a model is there is not asked.
         *
         *     Needs the scope `infer`.
         */
        post: operations["quote"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/prices/{organisation}/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Set a model's price
         * @description Needs the scope `models:manage`.
         */
        put: operations["setPrice"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/purse": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What I have
         * @description Needs the scope `purse:read`.
         */
        get: operations["purse"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/purse/allowance": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What an empty purse gets today
         * @description The essential allowance: one pool a day for all, of which `shareMicro` at most is for one person; it pays what an empty purse cannot.
         *
         *     Needs the scope `purse:read`.
         */
        get: operations["allowance"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/purse/statement": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Entries of the ledger, newest first
         * @description `unposted`: requests that the ledger takes up within a second; one that still runs is among them, at its price.
         *
         *     Needs the scope `purse:read`.
         */
        get: operations["statement"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/purse/usage": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Every request that a model was asked, newest first
         * @description As it ended. One that still runs stands there as `answered`, at its price; where it comes to nothing it says `failed` and 0, before its caller is told.
         *
         *     Needs the scope `purse:read`.
         */
        get: operations["usage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/token": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Exchange a key for a short-lived token
         * @description Authenticate with the key; a token gives no other token. The token dies with its key. Send it as `Authorization: Bearer`.
         */
        post: operations["exchangeKey"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v2": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Metadata of the server */
        get: operations["v2Server"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v2/health/live": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether the gateway lives */
        get: operations["v2Live"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v2/health/ready": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether the gateway takes requests */
        get: operations["v2Ready"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v2/models/{model}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Metadata of a model
         * @description Needs the scope `infer`.
         */
        get: operations["v2Model"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v2/models/{model}/infer": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Ask a model about tensors
         * @description Open Inference Protocol v2: JSON, or a JSON head of `Inference-Header-Content-Length` bytes with binary tensors after it, in each direction. Costs what `POST /v1/prices/quote` says of the whole body in bytes. Clients of Triton work with an `Authorization` header.
         *
         *     Needs the scope `infer`.
         */
        post: operations["v2Infer"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v2/models/{model}/ready": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Whether a model can be asked now
         * @description Needs the scope `infer`.
         */
        get: operations["v2ModelReady"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v2/models/{model}/versions/{version}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Metadata of a model
         * @description Needs the scope `infer`.
         */
        get: operations["v2ModelVersion"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v2/models/{model}/versions/{version}/infer": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Ask a model about tensors
         * @description Open Inference Protocol v2: JSON, or a JSON head of `Inference-Header-Content-Length` bytes with binary tensors after it, in each direction. Costs what `POST /v1/prices/quote` says of the whole body in bytes. Clients of Triton work with an `Authorization` header.
         *
         *     Needs the scope `infer`.
         */
        post: operations["v2InferVersion"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v2/models/{model}/versions/{version}/ready": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Whether a model can be asked now
         * @description Needs the scope `infer`.
         */
        get: operations["v2ModelVersionReady"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/.well-known/jwks.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Public keys of the built-in issuer */
        get: operations["jwks"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health/live": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether the process works */
        get: operations["live"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health/ready": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Whether requests should be sent here
         * @description 503 names what is missing in `details.missing`.
         */
        get: operations["ready"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        Allowance: {
            /**
             * @description What amounts are counted in
             * @example drop
             */
            asset: string;
            /** Format: date */
            day: string;
            /** Format: date-time */
            endsAt: string;
            /**
             * @description Millionths of the asset, as a decimal integer
             * @example 1200
             */
            poolMicro: string;
            /**
             * @description Millionths of the asset, as a decimal integer
             * @example 1200
             */
            givenMicro: string;
            /**
             * @description Millionths of the asset, as a decimal integer
             * @example 1200
             */
            shareMicro: string;
            /**
             * @description Millionths of the asset, as a decimal integer
             * @example 1200
             */
            mineMicro: string;
            /**
             * @description Millionths of the asset, as a decimal integer
             * @example 1200
             */
            leftMicro: string;
        };
        AuditEntry: {
            /** @description Order of the log */
            sequence: string;
            /** @example 019a9c3e-7d52-7a41-9e0b-3f6d2c81b5aa */
            actionId: string;
            /** @enum {string} */
            phase: "begun" | "done" | "failed";
            /** Format: date-time */
            at: string;
            /** @example 019a9c3e-7d52-7a41-9e0b-3f6d2c81b5aa */
            actorId: string;
            actorRole: string;
            /** @example 019a9c3e-7d52-7a41-9e0b-3f6d2c81b5aa */
            keyId?: string;
            action: string;
            subject: string;
            details: {
                [key: string]: unknown;
            };
            code?: string;
            /** @example 019a9c3e-7d52-7a41-9e0b-3f6d2c81b5aa */
            requestId: string;
        };
        AuditPage: {
            items: components["schemas"]["AuditEntry"][];
            nextCursor?: string;
        };
        Ballot: {
            /** @constant */
            type: "watershed/ballot";
            /** @example 019a9c3e-7d52-7a41-9e0b-3f6d2c81b5aa */
            proposalId: string;
            /** @example e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 */
            proposalDigest: string;
            /** @enum {string} */
            choice: "for" | "against";
            /** @example NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs */
            operatorId: string;
            /** Format: date-time */
            castAt: string;
            signatures: {
                protected: string;
                signature: string;
            }[];
        };
        BeginUpload: {
            /** @example e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 */
            sha256: string;
            sizeBytes: number;
        };
        CastBallot: {
            /** @constant */
            type: "watershed/ballot";
            /** @example 019a9c3e-7d52-7a41-9e0b-3f6d2c81b5aa */
            proposalId: string;
            /** @example e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 */
            proposalDigest: string;
            /** @enum {string} */
            choice: "for" | "against";
            /** @example NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs */
            operatorId: string;
            /** Format: date-time */
            castAt: string;
            signatures: {
                protected: string;
                signature: string;
            }[];
        };
        CloseAccount: {
            /**
             * @description Your own person id, to say that you mean it
             * @example 019a9c3e-7d52-7a41-9e0b-3f6d2c81b5aa
             */
            confirm: string;
        };
        ClosedAccount: {
            /** @example 019a9c3e-7d52-7a41-9e0b-3f6d2c81b5aa */
            personId: string;
            /** Format: date-time */
            closedAt: string;
        };
        ClusterIdentity: {
            descriptor: {
                /** @constant */
                type: "watershed/descriptor";
                /** @example NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs */
                clusterId: string;
                name: string;
                /** @example EU/FR */
                region: string;
                bridgeUrls: string[];
                protocolVersions: string[];
                capabilities: string[];
                epoch: number;
                sequence: number;
                /** Format: date-time */
                issuedAt: string;
                /** Format: date-time */
                expiresAt: string;
                signatures: {
                    protected: string;
                    signature: string;
                }[];
            };
            delegation: {
                /** @constant */
                type: "watershed/delegation";
                /** @example NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs */
                clusterId: string;
                epoch: number;
                rootKey: {
                    /** @constant */
                    kty: "OKP";
                    /** @enum {string} */
                    crv: "Ed25519" | "X25519";
                    /** @example NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs */
                    x: string;
                };
                /** @example NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs */
                nextRootHash: string;
                keys: {
                    /** @enum {string} */
                    purpose: "root" | "operator" | "node" | "grant" | "token" | "descriptor" | "model" | "price" | "membership";
                    key: {
                        /** @constant */
                        kty: "OKP";
                        /** @enum {string} */
                        crv: "Ed25519" | "X25519";
                        /** @example NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs */
                        x: string;
                    };
                    /** Format: date-time */
                    notBefore: string;
                    /** Format: date-time */
                    notAfter: string;
                }[];
                /** Format: date-time */
                issuedAt: string;
                signatures: {
                    protected: string;
                    signature: string;
                }[];
            };
        };
        CreateKey: {
            /** @description The maker's own, less what decides about the account, when absent */
            scopes?: ("infer" | "pods:read" | "pods:write" | "purse:read" | "account:read" | "account:manage" | "keys:manage" | "consents:manage" | "nodes:read" | "nodes:manage" | "models:manage" | "grants:create" | "people:manage" | "audit:read")[];
            /** @default  */
            label?: string;
            /** Format: date-time */
            expiresAt?: string;
        };
        CreatePod: {
            /** @description My default policy when absent; the effective one is the narrower */
            policy?: components["schemas"]["DataLocationPolicyRequest"];
        };
        DataLocationPolicy: {
            allowedRegions: string[];
            /** @example EU/FR */
            requiredRegion?: string;
            /** @default false */
            crossBorderAllowed: boolean;
            /** @default false */
            encryptionRequired: boolean;
            /**
             * @default {
             *       "deleteOnRevoke": false,
             *       "legalHold": false
             *     }
             */
            retention: {
                maxAgeSeconds?: number;
                /** @default false */
                deleteOnRevoke: boolean;
                /** @default false */
                legalHold: boolean;
            };
        };
        DataLocationPolicyRequest: {
            allowedRegions: string[];
            /** @example EU/FR */
            requiredRegion?: string;
            /** @default false */
            crossBorderAllowed?: boolean;
            /** @default false */
            encryptionRequired?: boolean;
            /**
             * @default {
             *       "deleteOnRevoke": false,
             *       "legalHold": false
             *     }
             */
            retention?: {
                maxAgeSeconds?: number;
                /** @default false */
                deleteOnRevoke?: boolean;
                /** @default false */
                legalHold?: boolean;
            };
        };
        DecisionLogEntry: {
            seq: number;
            /** @enum {string} */
            kind: "operator" | "admission" | "decision" | "proposal" | "ballot";
            document: {
                [key: string]: unknown;
            };
            outcome: {
                [key: string]: unknown;
            } | null;
            /** @example e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 */
            previousHash: string;
            /** Format: date-time */
            recordedAt: string;
            /** @example e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 */
            hash: string;
        };
        DecisionLogPage: {
            items: components["schemas"]["DecisionLogEntry"][];
            nextCursor?: string;
            head: {
                /** @example e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 */
                hash: string;
                seq: number;
            };
        };
        GrantMoney: {
            /** @example 019a9c3e-7d52-7a41-9e0b-3f6d2c81b5aa */
            personId: string;
            /**
             * @description Millionths of the asset, as a decimal integer
             * @example 1200
             */
            amountMicro: string;
            /**
             * @description The price list's, when absent
             * @example drop
             */
            asset?: string;
            /** @default  */
            memo?: string;
        };
        InferText: {
            /** @example watershed/language-id */
            model: string;
            /** @example 1.0.0 */
            version?: string;
            /** @description A model may take less: `text_invalid` says how many bytes */
            text: string;
            /** @description Narrows my default policy for this request; it can never widen it */
            policy?: components["schemas"]["DataLocationPolicyRequest"];
        };
        InferTextAnswer: {
            /** @example watershed/language-id */
            model: string;
            /** @example 1.0.0 */
            version: string;
            /** @description Most probable first */
            labels: {
                label: string;
                probability: number;
            }[];
            cost: {
                /**
                 * @description Millionths of the asset, as a decimal integer
                 * @example 1200
                 */
                amountMicro: string;
                /**
                 * @description What amounts are counted in
                 * @example drop
                 */
                asset: string;
            };
            /** @example 019a9c3e-7d52-7a41-9e0b-3f6d2c81b5aa */
            usageId: string;
        };
        Inspection: {
            inputs: {
                name: string;
                /** @enum {string} */
                datatype: "BOOL" | "UINT8" | "UINT16" | "UINT32" | "UINT64" | "INT8" | "INT16" | "INT32" | "INT64" | "FP16" | "FP32" | "FP64" | "BYTES";
                shape: number[];
            }[];
            outputs: {
                name: string;
                /** @enum {string} */
                datatype: "BOOL" | "UINT8" | "UINT16" | "UINT32" | "UINT64" | "INT8" | "INT16" | "INT32" | "INT64" | "FP16" | "FP32" | "FP64" | "BYTES";
                shape: number[];
            }[];
            parameterCount: number;
            memoryBytes: number;
            /** @default 0 */
            maxBatchSize: number;
            blob: {
                /** @example e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 */
                sha256: string;
                sizeBytes: number;
            };
            operators: string[];
            opset: number;
        };
        Invitation: {
            /** @example 019a9c3e-7d52-7a41-9e0b-3f6d2c81b5aa */
            invitationId: string;
            label: string;
            /** @enum {string} */
            state: "open" | "redeemed" | "revoked" | "expired";
            /** @example 019a9c3e-7d52-7a41-9e0b-3f6d2c81b5aa */
            createdBy: string;
            /** Format: date-time */
            createdAt: string;
            /** Format: date-time */
            expiresAt: string;
            /** Format: date-time */
            redeemedAt?: string;
            /** @example 019a9c3e-7d52-7a41-9e0b-3f6d2c81b5aa */
            redeemedBy?: string;
        };
        InvitationsPage: {
            items: components["schemas"]["Invitation"][];
            nextCursor?: string;
        };
        Invite: {
            /**
             * @description A note of yours
             * @default
             */
            label?: string;
            /** @default 168 */
            expiresInHours?: number;
        };
        IssuedInvitation: {
            /** @example 019a9c3e-7d52-7a41-9e0b-3f6d2c81b5aa */
            invitationId: string;
            label: string;
            /** @enum {string} */
            state: "open" | "redeemed" | "revoked" | "expired";
            /** @example 019a9c3e-7d52-7a41-9e0b-3f6d2c81b5aa */
            createdBy: string;
            /** Format: date-time */
            createdAt: string;
            /** Format: date-time */
            expiresAt: string;
            /** Format: date-time */
            redeemedAt?: string;
            /** @example 019a9c3e-7d52-7a41-9e0b-3f6d2c81b5aa */
            redeemedBy?: string;
            /** @description Shown this once; absent in the answer to a repeated request */
            code?: string;
        };
        IssuedKey: {
            /** @example 019a9c3e-7d52-7a41-9e0b-3f6d2c81b5aa */
            keyId: string;
            /** @description Shown this once; absent in the answer to a repeated request */
            secret?: string;
            scopes: ("infer" | "pods:read" | "pods:write" | "purse:read" | "account:read" | "account:manage" | "keys:manage" | "consents:manage" | "nodes:read" | "nodes:manage" | "models:manage" | "grants:create" | "people:manage" | "audit:read")[];
            label: string;
            /** Format: date-time */
            createdAt: string;
            /** Format: date-time */
            expiresAt?: string;
        };
        JoinCluster: {
            /** @example e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 */
            redisPasswordSha256: string;
            databaseVerifier?: string;
            /** @example NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs */
            ticket: string;
            manifest: {
                /** @constant */
                type: "watershed/node-manifest";
                /** @example NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs */
                nodeId: string;
                /** @example NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs */
                clusterId: string;
                /** @example EU/FR */
                region: string;
                types: ("pod-host" | "compute" | "gateway" | "index" | "bridge" | "core")[];
                services: ("gateway" | "index" | "pod-host" | "orchestrator" | "runner" | "bridge" | "registry" | "toll" | "governance")[];
                key: {
                    /** @constant */
                    kty: "OKP";
                    /** @enum {string} */
                    crv: "Ed25519" | "X25519";
                    /** @example NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs */
                    x: string;
                };
                /** @default [] */
                purposeKeys?: {
                    /** @enum {string} */
                    purpose: "root" | "operator" | "node" | "grant" | "token" | "descriptor" | "model" | "price" | "membership";
                    key: {
                        /** @constant */
                        kty: "OKP";
                        /** @enum {string} */
                        crv: "Ed25519" | "X25519";
                        /** @example NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs */
                        x: string;
                    };
                }[];
                /** Format: uri */
                url?: string;
                /** @example e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 */
                tlsFingerprint?: string;
                /** @example NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs */
                operatorId: string;
                /** @default {} */
                capabilities?: {
                    podStorageBytes?: number;
                    largestPodBytes?: number;
                    gpuMemoryBytes?: number;
                    modelMemoryBytes?: number;
                };
                /** Format: date-time */
                issuedAt: string;
                signatures: {
                    protected: string;
                    signature: string;
                }[];
            };
        };
        JoinTicket: {
            /** @example NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs */
            ticket: string;
            /** Format: date-time */
            expiresAt: string;
            /** @example e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 */
            gatewayFingerprint?: string;
        };
        JoinTicketScope: {
            /** @example NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs */
            nodeId: string;
            services: ("gateway" | "index" | "pod-host" | "orchestrator" | "runner" | "bridge" | "registry" | "toll" | "governance")[];
            /** @default 3600 */
            expiresInSeconds?: number;
        };
        JoinedCluster: {
            /** @example NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs */
            clusterId: string;
            redisUrl: string;
            databaseUrl?: string;
            authority?: string;
        };
        Jwks: {
            keys: {
                [key: string]: string;
            }[];
        };
        Key: {
            /** @example 019a9c3e-7d52-7a41-9e0b-3f6d2c81b5aa */
            keyId: string;
            scopes: ("infer" | "pods:read" | "pods:write" | "purse:read" | "account:read" | "account:manage" | "keys:manage" | "consents:manage" | "nodes:read" | "nodes:manage" | "models:manage" | "grants:create" | "people:manage" | "audit:read")[];
            label: string;
            /** @description A first key may decide about keys and the account; others never */
            first: boolean;
            /** Format: date-time */
            createdAt: string;
            /** Format: date-time */
            expiresAt?: string;
            /** Format: date-time */
            revokedAt?: string;
            /** @example 019a9c3e-7d52-7a41-9e0b-3f6d2c81b5aa */
            rotatedFrom?: string;
        };
        KeysPage: {
            items: components["schemas"]["Key"][];
            nextCursor?: string;
        };
        LedgerEntry: {
            /** @example 019a9c3e-7d52-7a41-9e0b-3f6d2c81b5aa */
            transferId: string;
            /** @enum {string} */
            kind: "opening" | "grant" | "usage" | "hold" | "capture" | "void" | "refund" | "allowance" | "closing";
            /**
             * @description Millionths of the asset, as a decimal integer
             * @example 1200
             */
            amountMicro: string;
            /**
             * @description What amounts are counted in
             * @example drop
             */
            asset: string;
            /**
             * @description Millionths of the asset, as a decimal integer
             * @example 1200
             */
            balanceAfterMicro: string;
            usageIds: string[];
            memo: string;
            /** Format: date-time */
            postedAt: string;
        };
        LedgerTotals: {
            assets: {
                /**
                 * @description What amounts are counted in
                 * @example drop
                 */
                asset: string;
                /**
                 * @description Millionths of the asset, as a decimal integer
                 * @example 1200
                 */
                sumMicro: string;
                /**
                 * @description Millionths of the asset, as a decimal integer
                 * @example 1200
                 */
                usageMicro: string;
                /**
                 * @description Millionths of the asset, as a decimal integer
                 * @example 1200
                 */
                postedUsageMicro: string;
                /**
                 * @description Millionths of the asset, as a decimal integer
                 * @example 1200
                 */
                heldMicro: string;
            }[];
            usageEvents: number;
            unpostedUsageEvents: number;
        };
        Live: {
            /** @constant */
            live: true;
        };
        Me: {
            person: components["schemas"]["Person"];
            /** @example 019a9c3e-7d52-7a41-9e0b-3f6d2c81b5aa */
            keyId?: string;
            scopes: ("infer" | "pods:read" | "pods:write" | "purse:read" | "account:read" | "account:manage" | "keys:manage" | "consents:manage" | "nodes:read" | "nodes:manage" | "models:manage" | "grants:create" | "people:manage" | "audit:read")[];
            /** @enum {string} */
            via: "api-key" | "token" | "oidc";
        };
        Model: {
            /** @example watershed/language-id */
            name: string;
            /** @example 1.0.0 */
            version: string;
            serial: number;
            /** @example e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 */
            digest: string;
            /** @enum {string} */
            review: "submitted" | "approved" | "rejected" | "withdrawn";
            manifest: components["schemas"]["SubmitModel"];
            /** Format: date-time */
            createdAt: string;
            price: components["schemas"]["Price"];
            /** @description Whether a runner serves it now */
            ready: boolean;
        };
        ModelVersion: {
            /** @example watershed/language-id */
            name: string;
            /** @example 1.0.0 */
            version: string;
            serial: number;
            /** @example e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 */
            digest: string;
            /** @enum {string} */
            review: "submitted" | "approved" | "rejected" | "withdrawn";
            manifest: components["schemas"]["SubmitModel"];
            /** Format: date-time */
            createdAt: string;
        };
        ModelsPage: {
            items: components["schemas"]["Model"][];
            nextCursor?: string;
        };
        MoneyGrant: {
            /** @example 019a9c3e-7d52-7a41-9e0b-3f6d2c81b5aa */
            transferId: string;
            /** @example 019a9c3e-7d52-7a41-9e0b-3f6d2c81b5aa */
            personId: string;
            /**
             * @description Millionths of the asset, as a decimal integer
             * @example 1200
             */
            amountMicro: string;
            /**
             * @description What amounts are counted in
             * @example drop
             */
            asset: string;
            /**
             * @description Millionths of the asset, as a decimal integer
             * @example 1200
             */
            balanceMicro: string;
        };
        Node: {
            /** @example NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs */
            nodeId: string;
            manifest: {
                /** @constant */
                type: "watershed/node-manifest";
                /** @example NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs */
                nodeId: string;
                /** @example NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs */
                clusterId: string;
                /** @example EU/FR */
                region: string;
                types: ("pod-host" | "compute" | "gateway" | "index" | "bridge" | "core")[];
                services: ("gateway" | "index" | "pod-host" | "orchestrator" | "runner" | "bridge" | "registry" | "toll" | "governance")[];
                key: {
                    /** @constant */
                    kty: "OKP";
                    /** @enum {string} */
                    crv: "Ed25519" | "X25519";
                    /** @example NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs */
                    x: string;
                };
                /** @default [] */
                purposeKeys: {
                    /** @enum {string} */
                    purpose: "root" | "operator" | "node" | "grant" | "token" | "descriptor" | "model" | "price" | "membership";
                    key: {
                        /** @constant */
                        kty: "OKP";
                        /** @enum {string} */
                        crv: "Ed25519" | "X25519";
                        /** @example NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs */
                        x: string;
                    };
                }[];
                /** Format: uri */
                url?: string;
                /** @example e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 */
                tlsFingerprint?: string;
                /** @example NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs */
                operatorId: string;
                /** @default {} */
                capabilities: {
                    podStorageBytes?: number;
                    largestPodBytes?: number;
                    gpuMemoryBytes?: number;
                    modelMemoryBytes?: number;
                };
                /** Format: date-time */
                issuedAt: string;
                signatures: {
                    protected: string;
                    signature: string;
                }[];
            };
            /** @enum {string} */
            health: "alive" | "suspect" | "asleep" | "dead" | "left" | "expelled";
            /**
             * @default admitted
             * @enum {string}
             */
            membership: "admitted" | "paused" | "expelled";
            load?: {
                inFlight: number;
                capacity: number;
                loopDelayMs: number;
                freeModelMemoryBytes?: number;
                /** @default false */
                draining: boolean;
            };
            /** @default [] */
            models: {
                /** @example watershed/language-id */
                name: string;
                /** @example 1.0.0 */
                version: string;
                digest: string;
                ready: boolean;
            }[];
            /** Format: date-time */
            joinedAt: string;
            /** Format: date-time */
            lastSeenAt: string;
        };
        NodesPage: {
            items: components["schemas"]["Node"][];
            nextCursor?: string;
        };
        OpenProposal: {
            /** @constant */
            type: "watershed/proposal";
            /** @example 019a9c3e-7d52-7a41-9e0b-3f6d2c81b5aa */
            proposalId: string;
            /** @example NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs */
            clusterId: string;
            /** @enum {string} */
            kind: "operator-add" | "operator-remove" | "node-exclude" | "node-pause" | "node-readmit";
            /** @example NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs */
            subject: string;
            candidate?: {
                name: string;
                key: {
                    /** @constant */
                    kty: "OKP";
                    /** @enum {string} */
                    crv: "Ed25519" | "X25519";
                    /** @example NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs */
                    x: string;
                };
            };
            reason: string;
            operators: string[];
            /** @example NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs */
            openedBy: string;
            /** Format: date-time */
            openedAt: string;
            /** Format: date-time */
            closesAt: string;
            signatures: {
                protected: string;
                signature: string;
            }[];
        };
        Operator: {
            /** @example NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs */
            operatorId: string;
            name: string;
            key: {
                /** @constant */
                kty: "OKP";
                /** @enum {string} */
                crv: "Ed25519" | "X25519";
                /** @example NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs */
                x: string;
            };
            /** Format: date-time */
            since: string;
        };
        Operators: {
            items: components["schemas"]["Operator"][];
        };
        PeoplePage: {
            items: components["schemas"]["Person"][];
            nextCursor?: string;
        };
        Person: {
            /** @example 019a9c3e-7d52-7a41-9e0b-3f6d2c81b5aa */
            personId: string;
            /** @enum {string} */
            role: "person" | "operator" | "auditor";
            /** @example EU/FR */
            homeRegion: string;
            policy: components["schemas"]["DataLocationPolicy"];
            label: string;
            /** @example NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs */
            operatorId?: string;
            /** Format: date-time */
            createdAt: string;
        };
        PersonState: {
            person: components["schemas"]["Person"];
            /** Format: date-time */
            closedAt?: string;
            /**
             * Format: date-time
             * @description When no pod and no money of theirs was left
             */
            erasedAt?: string;
        };
        Place: {
            /** @example watershed/language-id */
            model: string;
            /** @example 1.0.0 */
            version?: string;
            /** @example NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs */
            nodeId?: string;
        };
        Placements: {
            placements: {
                /** @example 019a9c3e-7d52-7a41-9e0b-3f6d2c81b5aa */
                placementId: string;
                /** @example NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs */
                nodeId: string;
                /** @example watershed/language-id */
                model: string;
                /** @example 1.0.0 */
                version: string;
                /** @enum {string} */
                wanted: "loaded" | "unloaded";
                /** @enum {string} */
                state: "wanted" | "loading" | "ready" | "unloading" | "unloaded" | "failed";
                failure?: {
                    code: string;
                    message: string;
                    details?: {
                        [key: string]: string | number | boolean | null | string[];
                    };
                    retryAfterMs?: number;
                };
                epoch: number;
                /** Format: date-time */
                updatedAt: string;
            }[];
        };
        PlacementsPage: {
            items: {
                /** @example 019a9c3e-7d52-7a41-9e0b-3f6d2c81b5aa */
                placementId: string;
                /** @example NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs */
                nodeId: string;
                /** @example watershed/language-id */
                model: string;
                /** @example 1.0.0 */
                version: string;
                /** @enum {string} */
                wanted: "loaded" | "unloaded";
                /** @enum {string} */
                state: "wanted" | "loading" | "ready" | "unloading" | "unloaded" | "failed";
                failure?: {
                    code: string;
                    message: string;
                    details?: {
                        [key: string]: string | number | boolean | null | string[];
                    };
                    retryAfterMs?: number;
                };
                epoch: number;
                /** Format: date-time */
                updatedAt: string;
            }[];
            nextCursor?: string;
        };
        Pod: {
            /** @example 019a9c3e-7d52-7a41-9e0b-3f6d2c81b5aa */
            podId: string;
            /** @example 019a9c3e-7d52-7a41-9e0b-3f6d2c81b5aa */
            ownerId: string;
            /** @example EU/FR */
            region: string;
            policy: components["schemas"]["DataLocationPolicy"];
            sizeBytes: number;
            resourceCount: number;
            /** Format: date-time */
            createdAt: string;
        };
        PodResource: {
            path: string;
            contentType: string;
            sizeBytes: number;
            /** @example e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 */
            sha256: string;
            etag: string;
            /** Format: date-time */
            modifiedAt: string;
        };
        PodResourcesPage: {
            items: components["schemas"]["PodResource"][];
            nextCursor?: string;
        };
        PodsPage: {
            items: components["schemas"]["Pod"][];
            nextCursor?: string;
        };
        Price: {
            /**
             * @description Millionths of the asset, as a decimal integer
             * @example 1200
             */
            baseMicro: string;
            /**
             * @description Millionths of the asset, as a decimal integer
             * @example 1200
             */
            perKibMicro: string;
            /**
             * @description What amounts are counted in
             * @example drop
             */
            asset: string;
        };
        PriceList: {
            /** @constant */
            type: "watershed/price-list";
            /** @example NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs */
            clusterId: string;
            version: number;
            /**
             * @description What amounts are counted in
             * @example drop
             */
            asset: string;
            default: {
                /**
                 * @description Millionths of the asset, as a decimal integer
                 * @example 1200
                 */
                baseMicro: string;
                /**
                 * @description Millionths of the asset, as a decimal integer
                 * @example 1200
                 */
                perKibMicro: string;
            };
            models: {
                /** @example watershed/language-id */
                model: string;
                /**
                 * @description Millionths of the asset, as a decimal integer
                 * @example 1200
                 */
                baseMicro: string;
                /**
                 * @description Millionths of the asset, as a decimal integer
                 * @example 1200
                 */
                perKibMicro: string;
            }[];
            /** Format: date-time */
            validFrom: string;
            signatures: {
                protected: string;
                signature: string;
            }[];
        };
        Problem: {
            /** @description `urn:watershed:problem:<code>` */
            type: string;
            /** @description The same for every problem of this code */
            title: string;
            status: number;
            /** @description What to change, for people; its words may change */
            detail: string;
            /**
             * @description Stable: match this
             * @enum {string}
             */
            code: "malformed_body" | "invalid_request" | "body_too_large" | "unsupported_media_type" | "not_found" | "method_not_allowed" | "conflict" | "idempotency_key_reused" | "idempotency_in_progress" | "cursor_invalid" | "unauthenticated" | "key_unknown" | "key_expired" | "key_revoked" | "token_invalid" | "token_expired" | "scope_missing" | "role_missing" | "person_closed" | "sign_up_closed" | "invitation_needed" | "invitation_invalid" | "grant_invalid" | "transfer_token_invalid" | "signature_invalid" | "caller_not_allowed" | "model_unknown" | "model_not_ready" | "model_crashed" | "model_server_unavailable" | "tensor_invalid" | "tensor_out_of_range" | "tensor_shape_mismatch" | "input_too_deep" | "text_invalid" | "inference_failed" | "model_exists" | "model_invalid" | "digest_mismatch" | "blob_unknown" | "memory_exhausted" | "purse_empty" | "budget_exhausted" | "amount_invalid" | "transfer_unknown" | "transfer_settled" | "region_unknown" | "policy_forbids" | "policy_invalid" | "consent_missing" | "node_unknown" | "node_expelled" | "node_unreachable" | "no_node_available" | "manifest_invalid" | "node_address_refused" | "node_address_taken" | "ticket_invalid" | "ticket_used" | "ticket_expired" | "ticket_mismatch" | "connection_untrusted" | "operator_unknown" | "last_operator" | "proposal_unknown" | "proposal_closed" | "ballot_conflict" | "rate_limited" | "overloaded" | "deadline_exceeded" | "bus_unavailable" | "database_unavailable" | "storage_full" | "shutting_down" | "internal";
            /** @description `urn:uuid:<Watershed-Request-Id>` */
            instance: string;
            details?: {
                [key: string]: string | number | boolean | null | string[];
            };
            retryAfterMs?: number;
            /** @description Under /v2 only, the same as `detail`: what clients of the Open Inference Protocol read */
            error?: string;
        };
        Proposal: {
            /** @constant */
            type: "watershed/proposal";
            /** @example 019a9c3e-7d52-7a41-9e0b-3f6d2c81b5aa */
            proposalId: string;
            /** @example NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs */
            clusterId: string;
            /** @enum {string} */
            kind: "operator-add" | "operator-remove" | "node-exclude" | "node-pause" | "node-readmit";
            /** @example NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs */
            subject: string;
            candidate?: {
                name: string;
                key: {
                    /** @constant */
                    kty: "OKP";
                    /** @enum {string} */
                    crv: "Ed25519" | "X25519";
                    /** @example NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs */
                    x: string;
                };
            };
            reason: string;
            operators: string[];
            /** @example NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs */
            openedBy: string;
            /** Format: date-time */
            openedAt: string;
            /** Format: date-time */
            closesAt: string;
            signatures: {
                protected: string;
                signature: string;
            }[];
        };
        ProposalRecord: {
            proposal: components["schemas"]["Proposal"];
            /** @example e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 */
            digest: string;
            tally: components["schemas"]["Tally"];
            ballots: components["schemas"]["Ballot"][];
            /** Format: date-time */
            decidedAt?: string;
        };
        ProposalsPage: {
            items: components["schemas"]["ProposalRecord"][];
            nextCursor?: string;
        };
        Purse: {
            /** @example 019a9c3e-7d52-7a41-9e0b-3f6d2c81b5aa */
            personId: string;
            /**
             * @description What amounts are counted in
             * @example drop
             */
            asset: string;
            /**
             * @description Posted credits less posted debits, in millionths of the asset
             * @example 1200
             */
            balanceMicro: string;
            /**
             * @description Set aside for budget blocks and holds, in millionths of the asset
             * @example 1200
             */
            heldMicro: string;
            /**
             * @description Answered requests whose usage is durable but not yet posted to the ledger, in millionths of the asset
             * @example 1200
             */
            unpostedMicro: string;
            /**
             * @description What may still be spent: balance − held, in millionths of the asset
             * @example 1200
             */
            availableMicro: string;
        };
        Quote: {
            /** @example watershed/language-id */
            model: string;
            sizeBytes: number;
            /**
             * @description Millionths of the asset, as a decimal integer
             * @example 1200
             */
            amountMicro: string;
            /**
             * @description What amounts are counted in
             * @example drop
             */
            asset: string;
            priceListVersion: number;
        };
        QuoteRequest: {
            /** @example watershed/language-id */
            model: string;
            /** @description Either this or `text` */
            sizeBytes?: number;
            /** @description Either this or `sizeBytes` */
            text?: string;
        };
        Ready: {
            /** @constant */
            ready: true;
        };
        Recover: {
            /** @example 019a9c3e-7d52-7a41-9e0b-3f6d2c81b5aa */
            personId: string;
            recoveryCode: string;
        };
        ReviewModel: {
            /** @enum {string} */
            review: "approved" | "rejected" | "withdrawn";
        };
        SetPrice: {
            /**
             * @description Millionths of the asset, as a decimal integer
             * @example 1200
             */
            baseMicro: string;
            /**
             * @description Millionths of the asset, as a decimal integer
             * @example 1200
             */
            perKibMicro: string;
        };
        SetRole: {
            /** @enum {string} */
            role: "person" | "auditor";
        };
        SignUp: {
            /**
             * @description Where the person's data is at home; this cluster's region when absent
             * @example EU/FR
             */
            homeRegion?: string;
            /** @description Nothing leaves the home region when absent */
            defaultPolicy?: components["schemas"]["DataLocationPolicyRequest"];
            /** @default  */
            label?: string;
            /** @description The one-use code of an operator, where signing up takes one */
            invitation?: string;
        };
        SignedUp: {
            person: components["schemas"]["Person"];
            key: components["schemas"]["IssuedKey"];
            /** @description Gives the account back once; shown this once */
            recoveryCode?: string;
        };
        StatementPage: {
            items: components["schemas"]["LedgerEntry"][];
            nextCursor?: string;
            unposted: components["schemas"]["UsageEvent"][];
        };
        SubmitModel: {
            /** @constant */
            type: "watershed/model-manifest";
            /** @example watershed/language-id */
            name: string;
            /** @example 1.0.0 */
            version: string;
            /** @default  */
            description?: string;
            licence: string;
            purpose: string;
            parameterCount: number;
            memoryBytes: number;
            /** @constant */
            format: "onnx";
            /** @default 0 */
            maxBatchSize?: number;
            inputs: {
                name: string;
                /** @enum {string} */
                datatype: "BOOL" | "UINT8" | "UINT16" | "UINT32" | "UINT64" | "INT8" | "INT16" | "INT32" | "INT64" | "FP16" | "FP32" | "FP64" | "BYTES";
                shape: number[];
            }[];
            outputs: {
                name: string;
                /** @enum {string} */
                datatype: "BOOL" | "UINT8" | "UINT16" | "UINT32" | "UINT64" | "INT8" | "INT16" | "INT32" | "INT64" | "FP16" | "FP32" | "FP64" | "BYTES";
                shape: number[];
            }[];
            text?: {
                /** @constant */
                kind: "text-classification";
                inputTensor: string;
                maxBytes: number;
                labelsTensor: string;
                probabilitiesTensor: string;
            };
            /** @default [] */
            regions?: string[];
            blob: {
                /** @example e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 */
                sha256: string;
                sizeBytes: number;
            };
            /** @example NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs */
            publisherId: string;
            /** Format: date-time */
            createdAt: string;
            signatures: {
                protected: string;
                signature: string;
            }[];
        };
        Tally: {
            /** @example 019a9c3e-7d52-7a41-9e0b-3f6d2c81b5aa */
            proposalId: string;
            /** @enum {string} */
            state: "open" | "passed" | "rejected" | "superseded" | "expired";
            for: number;
            against: number;
            needed: number;
            membership?: {
                /** @example NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs */
                nodeId: string;
                /** @example NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs */
                operatorId: string;
                /** @enum {string} */
                state: "admitted" | "paused" | "expelled";
                reason: string;
                epoch: number;
                /** Format: date-time */
                decidedAt: string;
                /** @example NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs */
                decidedBy: string;
            };
            operators?: string[];
        };
        Token: {
            token: string;
            /** @constant */
            tokenType: "Bearer";
            expiresInSeconds: number;
            scopes: ("infer" | "pods:read" | "pods:write" | "purse:read" | "account:read" | "account:manage" | "keys:manage" | "consents:manage" | "nodes:read" | "nodes:manage" | "models:manage" | "grants:create" | "people:manage" | "audit:read")[];
        };
        TokenExchange: {
            /** @description The key's, less what decides about the account, when absent */
            scopes?: ("infer" | "pods:read" | "pods:write" | "purse:read" | "account:read" | "account:manage" | "keys:manage" | "consents:manage" | "nodes:read" | "nodes:manage" | "models:manage" | "grants:create" | "people:manage" | "audit:read")[];
            /** @description The cluster's own when absent; `expiresInSeconds` says what it became */
            lifetimeSeconds?: number;
        };
        Upload: {
            /** @example e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 */
            sha256: string;
            complete: boolean;
            /** @description Send from here on */
            offsetBytes: number;
            /** @description PUT the bytes here */
            path: string;
        };
        Uploaded: {
            /** @example e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 */
            sha256: string;
            /** @constant */
            complete: true;
        };
        UsageEvent: {
            /** @example 019a9c3e-7d52-7a41-9e0b-3f6d2c81b5aa */
            usageId: string;
            /** @example 019a9c3e-7d52-7a41-9e0b-3f6d2c81b5aa */
            personId: string;
            /** @enum {string} */
            kind: "infer";
            /** @example watershed/language-id */
            model: string;
            inputBytes: number;
            /**
             * @description Millionths of the asset, as a decimal integer
             * @example 1200
             */
            amountMicro: string;
            /** @enum {string} */
            outcome: "answered" | "abandoned" | "failed";
            /** Format: date-time */
            occurredAt: string;
        };
        UsageItem: {
            /** @example 019a9c3e-7d52-7a41-9e0b-3f6d2c81b5aa */
            usageId: string;
            /** @example 019a9c3e-7d52-7a41-9e0b-3f6d2c81b5aa */
            personId: string;
            /** @enum {string} */
            kind: "infer";
            /** @example watershed/language-id */
            model: string;
            inputBytes: number;
            /**
             * @description Millionths of the asset, as a decimal integer
             * @example 1200
             */
            amountMicro: string;
            /** @enum {string} */
            outcome: "answered" | "abandoned" | "failed";
            /** Format: date-time */
            occurredAt: string;
            /** @example 019a9c3e-7d52-7a41-9e0b-3f6d2c81b5aa */
            transferId?: string;
        };
        UsagePage: {
            items: components["schemas"]["UsageItem"][];
            nextCursor?: string;
        };
        V2InferAnswer: {
            model_name: string;
            model_version?: string;
            /** @description The `id` of the request */
            id?: string;
            outputs: {
                name: string;
                /** @enum {string} */
                datatype: "BOOL" | "UINT8" | "UINT16" | "UINT32" | "UINT64" | "INT8" | "INT16" | "INT32" | "INT64" | "FP16" | "FP32" | "FP64" | "BYTES";
                shape: number[];
                /** @description Row by row; absent where the tensor follows as bytes */
                data?: unknown[];
                parameters?: {
                    [key: string]: unknown;
                };
            }[];
            parameters?: {
                [key: string]: unknown;
            };
        };
        V2InferRequest: {
            id?: string;
            inputs: {
                name: string;
                /** @enum {string} */
                datatype: "BOOL" | "UINT8" | "UINT16" | "UINT32" | "UINT64" | "INT8" | "INT16" | "INT32" | "INT64" | "FP16" | "FP32" | "FP64" | "BYTES";
                shape: number[];
                data?: unknown[];
                parameters?: {
                    [key: string]: unknown;
                };
            }[];
            outputs?: {
                name: string;
                parameters?: {
                    [key: string]: unknown;
                };
            }[];
            parameters?: {
                [key: string]: unknown;
            };
        };
        V2Model: {
            name: string;
            versions: string[];
            platform: string;
            inputs: {
                name: string;
                /** @enum {string} */
                datatype: "BOOL" | "UINT8" | "UINT16" | "UINT32" | "UINT64" | "INT8" | "INT16" | "INT32" | "INT64" | "FP16" | "FP32" | "FP64" | "BYTES";
                shape: number[];
            }[];
            outputs: {
                name: string;
                /** @enum {string} */
                datatype: "BOOL" | "UINT8" | "UINT16" | "UINT32" | "UINT64" | "INT8" | "INT16" | "INT32" | "INT64" | "FP16" | "FP32" | "FP64" | "BYTES";
                shape: number[];
            }[];
        };
        V2Ready: {
            ready: boolean;
        };
        V2Server: {
            name: string;
            version: string;
            extensions: string[];
        };
    };
    responses: {
        /** @description `invalid_request` */
        "400-invalid_request": {
            headers: {
                "Watershed-Route": components["headers"]["Watershed-Route"];
                "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `invalid_request`, `cursor_invalid` */
        "400-invalid_request.cursor_invalid": {
            headers: {
                "Watershed-Route": components["headers"]["Watershed-Route"];
                "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `invalid_request`, `malformed_body` */
        "400-invalid_request.malformed_body": {
            headers: {
                "Watershed-Route": components["headers"]["Watershed-Route"];
                "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `invalid_request`, `malformed_body`, `input_too_deep` */
        "400-invalid_request.malformed_body.input_too_deep": {
            headers: {
                "Watershed-Route": components["headers"]["Watershed-Route"];
                "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `invalid_request`, `malformed_body`, `input_too_deep`, `amount_invalid` */
        "400-invalid_request.malformed_body.input_too_deep.amount_invalid": {
            headers: {
                "Watershed-Route": components["headers"]["Watershed-Route"];
                "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `invalid_request`, `malformed_body`, `input_too_deep`, `signature_invalid` */
        "400-invalid_request.malformed_body.input_too_deep.signature_invalid": {
            headers: {
                "Watershed-Route": components["headers"]["Watershed-Route"];
                "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `invalid_request`, `malformed_body`, `input_too_deep`, `tensor_invalid`, `tensor_out_of_range`, `tensor_shape_mismatch` */
        "400-invalid_request.malformed_body.input_too_deep.tensor_invalid.tensor_out_of_range.tensor_shape_mismatch": {
            headers: {
                "Watershed-Route": components["headers"]["Watershed-Route"];
                "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `invalid_request` */
        "400-uncounted-invalid_request": {
            headers: {
                "Watershed-Route": components["headers"]["Watershed-Route"];
                "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `unauthenticated`, `key_unknown`, `key_expired`, `key_revoked`, `token_invalid`, `token_expired` */
        "401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired": {
            headers: {
                "Watershed-Route": components["headers"]["Watershed-Route"];
                "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "WWW-Authenticate": components["headers"]["WWW-Authenticate"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `purse_empty` */
        "402-purse_empty": {
            headers: {
                "Watershed-Route": components["headers"]["Watershed-Route"];
                "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `scope_missing` */
        "403-scope_missing": {
            headers: {
                "Watershed-Route": components["headers"]["Watershed-Route"];
                "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `scope_missing`, `policy_forbids` */
        "403-scope_missing.policy_forbids": {
            headers: {
                "Watershed-Route": components["headers"]["Watershed-Route"];
                "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `scope_missing`, `role_missing` */
        "403-scope_missing.role_missing": {
            headers: {
                "Watershed-Route": components["headers"]["Watershed-Route"];
                "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `blob_unknown` */
        "404-blob_unknown": {
            headers: {
                "Watershed-Route": components["headers"]["Watershed-Route"];
                "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `model_unknown` */
        "404-model_unknown": {
            headers: {
                "Watershed-Route": components["headers"]["Watershed-Route"];
                "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `not_found` */
        "404-not_found": {
            headers: {
                "Watershed-Route": components["headers"]["Watershed-Route"];
                "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `proposal_unknown` */
        "404-proposal_unknown": {
            headers: {
                "Watershed-Route": components["headers"]["Watershed-Route"];
                "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `conflict` */
        "409-conflict": {
            headers: {
                "Watershed-Route": components["headers"]["Watershed-Route"];
                "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "Retry-After": components["headers"]["Retry-After"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `idempotency_key_reused`, `idempotency_in_progress` */
        "409-idempotency_key_reused.idempotency_in_progress": {
            headers: {
                "Watershed-Route": components["headers"]["Watershed-Route"];
                "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "Retry-After": components["headers"]["Retry-After"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `body_too_large` */
        "413-body_too_large": {
            headers: {
                "Watershed-Route": components["headers"]["Watershed-Route"];
                "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `unsupported_media_type` */
        "415-unsupported_media_type": {
            headers: {
                "Watershed-Route": components["headers"]["Watershed-Route"];
                "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `policy_invalid`, `region_unknown` */
        "422-policy_invalid.region_unknown": {
            headers: {
                "Watershed-Route": components["headers"]["Watershed-Route"];
                "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `region_unknown`, `policy_invalid` */
        "422-region_unknown.policy_invalid": {
            headers: {
                "Watershed-Route": components["headers"]["Watershed-Route"];
                "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `rate_limited` */
        "429-rate_limited": {
            headers: {
                "Watershed-Route": components["headers"]["Watershed-Route"];
                "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "Retry-After": components["headers"]["Retry-After"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `internal` */
        "500-internal": {
            headers: {
                "Watershed-Route": components["headers"]["Watershed-Route"];
                "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `internal` */
        "500-uncounted-internal": {
            headers: {
                "Watershed-Route": components["headers"]["Watershed-Route"];
                "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `model_crashed`, `inference_failed` */
        "502-model_crashed.inference_failed": {
            headers: {
                "Watershed-Route": components["headers"]["Watershed-Route"];
                "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `database_unavailable`, `bus_unavailable`, `no_node_available`, `node_unreachable` */
        "503-database_unavailable.bus_unavailable.no_node_available.node_unreachable": {
            headers: {
                "Watershed-Route": components["headers"]["Watershed-Route"];
                "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "Retry-After": components["headers"]["Retry-After"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `database_unavailable`, `bus_unavailable`, `no_node_available`, `node_unreachable`, `model_not_ready` */
        "503-database_unavailable.bus_unavailable.no_node_available.node_unreachable.model_not_ready": {
            headers: {
                "Watershed-Route": components["headers"]["Watershed-Route"];
                "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "Retry-After": components["headers"]["Retry-After"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `database_unavailable`, `bus_unavailable`, `no_node_available`, `node_unreachable`, `model_not_ready`, `overloaded` */
        "503-database_unavailable.bus_unavailable.no_node_available.node_unreachable.model_not_ready.overloaded": {
            headers: {
                "Watershed-Route": components["headers"]["Watershed-Route"];
                "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "Retry-After": components["headers"]["Retry-After"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `deadline_exceeded` */
        "504-deadline_exceeded": {
            headers: {
                "Watershed-Route": components["headers"]["Watershed-Route"];
                "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "Retry-After": components["headers"]["Retry-After"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `storage_full` */
        "507-storage_full": {
            headers: {
                "Watershed-Route": components["headers"]["Watershed-Route"];
                "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                "Retry-After": components["headers"]["Retry-After"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
    };
    parameters: never;
    requestBodies: never;
    headers: {
        /** @description `local`, then for an inference `; node=…; region=…; model=…; version=…` */
        "Watershed-Route": string;
        /** @description Names this request in the log; a problem has it as `instance` */
        "Watershed-Request-Id": string;
        /** @description What was charged, in millionths of the asset */
        "Watershed-Cost-Micro": string;
        /** @description `true`: this is the outcome of an earlier request */
        "Idempotency-Replayed": string;
        /** @description Bytes of the JSON head; the binary tensors follow it */
        "Inference-Header-Content-Length": number;
        /** @description Requests a window */
        "RateLimit-Limit": number;
        /** @description Requests left in this window */
        "RateLimit-Remaining": number;
        /** @description Seconds until the next window */
        "RateLimit-Reset": number;
        /** @description Seconds to wait; `retryAfterMs` of the problem says it finer */
        "Retry-After": number;
        /** @description `Bearer realm="watershed"` */
        "WWW-Authenticate": string;
        /** @description Names this content of the resource; for If-Match and If-None-Match */
        ETag: string;
        /** @description When the resource was stored */
        "Last-Modified": string;
        /** @description `bytes <from>-<to>/<size>` of the resource */
        "Content-Range": string;
        /** @description Keeps a browser from running what was stored */
        "Content-Security-Policy": string;
    };
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    auditLog: {
        parameters: {
            query?: {
                /** @description `nextCursor` of the page before */
                cursor?: string;
                /** @description Items a page */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What operators did, newest first */
            200: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuditPage"];
                };
            };
            400: components["responses"]["400-invalid_request.cursor_invalid"];
            401: components["responses"]["401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired"];
            403: components["responses"]["403-scope_missing.role_missing"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    ledgerTotals: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Sums of the ledger */
            200: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LedgerTotals"];
                };
            };
            400: components["responses"]["400-invalid_request"];
            401: components["responses"]["401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired"];
            403: components["responses"]["403-scope_missing.role_missing"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    beginUpload: {
        parameters: {
            query?: never;
            header?: {
                /** @description Up to 255 visible characters of your choice. The same request again is answered by the first outcome, with `Idempotency-Replayed: true`; another request with it is refused. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["BeginUpload"];
            };
        };
        responses: {
            /** @description Begin or go on with an upload */
            201: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Upload"];
                };
            };
            400: components["responses"]["400-invalid_request.malformed_body.input_too_deep"];
            401: components["responses"]["401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired"];
            403: components["responses"]["403-scope_missing.role_missing"];
            409: components["responses"]["409-idempotency_key_reused.idempotency_in_progress"];
            413: components["responses"]["413-body_too_large"];
            415: components["responses"]["415-unsupported_media_type"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
            507: components["responses"]["507-storage_full"];
        };
    };
    uploadBlob: {
        parameters: {
            query?: never;
            header?: {
                /** @description Where these bytes lie in the blob, when not all of it */
                "Content-Range"?: string;
            };
            path: {
                /** @description SHA-256 of the bytes, hex */
                sha256: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/octet-stream": string;
            };
        };
        responses: {
            /** @description Send the bytes of a blob */
            200: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Uploaded"];
                };
            };
            400: components["responses"]["400-invalid_request.malformed_body"];
            401: components["responses"]["401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired"];
            403: components["responses"]["403-scope_missing.role_missing"];
            409: components["responses"]["409-conflict"];
            413: components["responses"]["413-body_too_large"];
            415: components["responses"]["415-unsupported_media_type"];
            /** @description `digest_mismatch` */
            422: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
            507: components["responses"]["507-storage_full"];
        };
    };
    inspectBlob: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description SHA-256 of the bytes, hex */
                sha256: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What a manifest needs, read out of an ONNX file */
            200: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Inspection"];
                };
            };
            400: components["responses"]["400-invalid_request"];
            401: components["responses"]["401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired"];
            403: components["responses"]["403-scope_missing.role_missing"];
            404: components["responses"]["404-blob_unknown"];
            /** @description `model_invalid` */
            422: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    cluster: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Who this cluster is */
            200: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ClusterIdentity"];
                };
            };
            400: components["responses"]["400-invalid_request"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    decisionLog: {
        parameters: {
            query?: {
                /** @description `nextCursor` of the page before */
                cursor?: string;
                /** @description Items a page */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Everything that was decided, for anyone to count again */
            200: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DecisionLogPage"];
                };
            };
            400: components["responses"]["400-invalid_request.cursor_invalid"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    listOperators: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Whose ballots count now */
            200: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Operators"];
                };
            };
            400: components["responses"]["400-invalid_request"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    listProposals: {
        parameters: {
            query?: {
                /** @description `nextCursor` of the page before */
                cursor?: string;
                /** @description Items a page */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Proposals and where they stand, newest first */
            200: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProposalsPage"];
                };
            };
            400: components["responses"]["400-invalid_request.cursor_invalid"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    openProposal: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["OpenProposal"];
            };
        };
        responses: {
            /** @description Ask the operators to decide */
            201: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Tally"];
                };
            };
            400: components["responses"]["400-invalid_request.malformed_body.input_too_deep.signature_invalid"];
            401: components["responses"]["401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired"];
            403: components["responses"]["403-scope_missing.role_missing"];
            /** @description `operator_unknown`, `node_unknown` */
            404: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `last_operator`, `conflict` */
            409: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Retry-After": components["headers"]["Retry-After"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["413-body_too_large"];
            415: components["responses"]["415-unsupported_media_type"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    getProposal: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The proposal */
                proposalId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One proposal with its ballots */
            200: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProposalRecord"];
                };
            };
            400: components["responses"]["400-invalid_request"];
            404: components["responses"]["404-proposal_unknown"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    castBallot: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The proposal */
                proposalId: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CastBallot"];
            };
        };
        responses: {
            /** @description Vote on a proposal */
            200: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Tally"];
                };
            };
            400: components["responses"]["400-invalid_request.malformed_body.input_too_deep.signature_invalid"];
            401: components["responses"]["401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired"];
            403: components["responses"]["403-scope_missing.role_missing"];
            404: components["responses"]["404-proposal_unknown"];
            /** @description `proposal_closed`, `ballot_conflict`, `last_operator`, `conflict` */
            409: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Retry-After": components["headers"]["Retry-After"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["413-body_too_large"];
            415: components["responses"]["415-unsupported_media_type"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    grantMoney: {
        parameters: {
            query?: never;
            header?: {
                /** @description Up to 255 visible characters of your choice. The same request again is answered by the first outcome, with `Idempotency-Replayed: true`; another request with it is refused. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["GrantMoney"];
            };
        };
        responses: {
            /** @description Grant money to a person */
            201: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MoneyGrant"];
                };
            };
            400: components["responses"]["400-invalid_request.malformed_body.input_too_deep.amount_invalid"];
            401: components["responses"]["401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired"];
            403: components["responses"]["403-scope_missing.role_missing"];
            404: components["responses"]["404-not_found"];
            409: components["responses"]["409-idempotency_key_reused.idempotency_in_progress"];
            413: components["responses"]["413-body_too_large"];
            415: components["responses"]["415-unsupported_media_type"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    inferText: {
        parameters: {
            query?: never;
            header?: {
                /** @description Up to 255 visible characters of your choice. The same request again is answered by the first outcome, with `Idempotency-Replayed: true`; another request with it is refused. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["InferText"];
            };
        };
        responses: {
            /** @description Ask a model about a text */
            200: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    "Watershed-Cost-Micro": components["headers"]["Watershed-Cost-Micro"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["InferTextAnswer"];
                };
            };
            /** @description `invalid_request`, `malformed_body`, `input_too_deep`, `text_invalid` */
            400: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            401: components["responses"]["401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired"];
            402: components["responses"]["402-purse_empty"];
            403: components["responses"]["403-scope_missing.policy_forbids"];
            404: components["responses"]["404-model_unknown"];
            409: components["responses"]["409-idempotency_key_reused.idempotency_in_progress"];
            413: components["responses"]["413-body_too_large"];
            415: components["responses"]["415-unsupported_media_type"];
            422: components["responses"]["422-policy_invalid.region_unknown"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            502: components["responses"]["502-model_crashed.inference_failed"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable.model_not_ready.overloaded"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    listInvitations: {
        parameters: {
            query?: {
                /** @description `nextCursor` of the page before */
                cursor?: string;
                /** @description Items a page */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description List invitations */
            200: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["InvitationsPage"];
                };
            };
            400: components["responses"]["400-invalid_request.cursor_invalid"];
            401: components["responses"]["401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired"];
            403: components["responses"]["403-scope_missing.role_missing"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    invite: {
        parameters: {
            query?: never;
            header?: {
                /** @description Up to 255 visible characters of your choice. The same request again is answered by the first outcome, with `Idempotency-Replayed: true`; another request with it is refused. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Invite"];
            };
        };
        responses: {
            /** @description Invite someone to sign up */
            201: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["IssuedInvitation"];
                };
            };
            400: components["responses"]["400-invalid_request.malformed_body.input_too_deep"];
            401: components["responses"]["401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired"];
            403: components["responses"]["403-scope_missing.role_missing"];
            409: components["responses"]["409-idempotency_key_reused.idempotency_in_progress"];
            413: components["responses"]["413-body_too_large"];
            415: components["responses"]["415-unsupported_media_type"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    revokeInvitation: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The invitation */
                invitationId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Revoke an invitation */
            204: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["400-invalid_request"];
            401: components["responses"]["401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired"];
            403: components["responses"]["403-scope_missing.role_missing"];
            404: components["responses"]["404-not_found"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    joinCluster: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["JoinCluster"];
            };
        };
        responses: {
            /** @description Join with a ticket */
            201: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JoinedCluster"];
                };
            };
            400: components["responses"]["400-invalid_request.malformed_body.input_too_deep.signature_invalid"];
            /** @description `ticket_invalid`, `ticket_expired`, `ticket_mismatch`, `node_expelled` */
            403: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `ticket_used`, `conflict` */
            409: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Retry-After": components["headers"]["Retry-After"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["413-body_too_large"];
            415: components["responses"]["415-unsupported_media_type"];
            /** @description `manifest_invalid`, `node_address_refused` */
            422: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    listKeys: {
        parameters: {
            query?: {
                /** @description `nextCursor` of the page before */
                cursor?: string;
                /** @description Items a page */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description List my keys */
            200: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["KeysPage"];
                };
            };
            400: components["responses"]["400-invalid_request.cursor_invalid"];
            401: components["responses"]["401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired"];
            403: components["responses"]["403-scope_missing"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    createKey: {
        parameters: {
            query?: never;
            header?: {
                /** @description Up to 255 visible characters of your choice. The same request again is answered by the first outcome, with `Idempotency-Replayed: true`; another request with it is refused. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateKey"];
            };
        };
        responses: {
            /** @description Make a key */
            201: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["IssuedKey"];
                };
            };
            400: components["responses"]["400-invalid_request.malformed_body.input_too_deep"];
            401: components["responses"]["401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired"];
            403: components["responses"]["403-scope_missing"];
            409: components["responses"]["409-idempotency_key_reused.idempotency_in_progress"];
            413: components["responses"]["413-body_too_large"];
            415: components["responses"]["415-unsupported_media_type"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    revokeKey: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The key */
                keyId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Revoke a key */
            204: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["400-invalid_request"];
            401: components["responses"]["401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired"];
            403: components["responses"]["403-scope_missing"];
            404: components["responses"]["404-not_found"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    rotateKey: {
        parameters: {
            query?: never;
            header?: {
                /** @description Up to 255 visible characters of your choice. The same request again is answered by the first outcome, with `Idempotency-Replayed: true`; another request with it is refused. */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description The key */
                keyId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Give a key a new secret */
            201: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["IssuedKey"];
                };
            };
            400: components["responses"]["400-invalid_request"];
            401: components["responses"]["401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired"];
            403: components["responses"]["403-scope_missing"];
            404: components["responses"]["404-not_found"];
            409: components["responses"]["409-idempotency_key_reused.idempotency_in_progress"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    me: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Who am I? */
            200: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Me"];
                };
            };
            400: components["responses"]["400-invalid_request"];
            401: components["responses"]["401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired"];
            403: components["responses"]["403-scope_missing"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    closeAccount: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CloseAccount"];
            };
        };
        responses: {
            /** @description Close my account, for good */
            200: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ClosedAccount"];
                };
            };
            400: components["responses"]["400-invalid_request.malformed_body.input_too_deep"];
            401: components["responses"]["401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired"];
            /** @description `scope_missing`, `person_closed` */
            403: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            409: components["responses"]["409-conflict"];
            413: components["responses"]["413-body_too_large"];
            415: components["responses"]["415-unsupported_media_type"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    setPolicy: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["DataLocationPolicyRequest"];
            };
        };
        responses: {
            /** @description Change where my data may lie and go */
            200: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Person"];
                };
            };
            400: components["responses"]["400-invalid_request.malformed_body.input_too_deep"];
            401: components["responses"]["401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired"];
            403: components["responses"]["403-scope_missing"];
            413: components["responses"]["413-body_too_large"];
            415: components["responses"]["415-unsupported_media_type"];
            422: components["responses"]["422-region_unknown.policy_invalid"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    listModels: {
        parameters: {
            query?: {
                /** @description In this state of review */
                review?: "submitted" | "approved" | "rejected" | "withdrawn";
                /** @description In any state of review */
                all?: boolean;
                /** @description `nextCursor` of the page before */
                cursor?: string;
                /** @description Items a page */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Models, with their prices */
            200: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ModelsPage"];
                };
            };
            400: components["responses"]["400-invalid_request.cursor_invalid"];
            401: components["responses"]["401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired"];
            403: components["responses"]["403-scope_missing"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    submitModel: {
        parameters: {
            query?: never;
            header?: {
                /** @description Up to 255 visible characters of your choice. The same request again is answered by the first outcome, with `Idempotency-Replayed: true`; another request with it is refused. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SubmitModel"];
            };
        };
        responses: {
            /** @description Submit a version */
            201: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ModelVersion"];
                };
            };
            400: components["responses"]["400-invalid_request.malformed_body.input_too_deep.signature_invalid"];
            401: components["responses"]["401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired"];
            403: components["responses"]["403-scope_missing.role_missing"];
            404: components["responses"]["404-blob_unknown"];
            /** @description `idempotency_key_reused`, `idempotency_in_progress`, `model_exists` */
            409: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Retry-After": components["headers"]["Retry-After"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["413-body_too_large"];
            415: components["responses"]["415-unsupported_media_type"];
            /** @description `model_invalid`, `digest_mismatch` */
            422: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    getModel: {
        parameters: {
            query?: {
                /** @description The newest approved one when absent */
                version?: string;
            };
            header?: never;
            path: {
                /** @description Before the slash */
                organisation: string;
                /** @description After the slash */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One model */
            200: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Model"];
                };
            };
            400: components["responses"]["400-invalid_request"];
            401: components["responses"]["401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired"];
            403: components["responses"]["403-scope_missing"];
            404: components["responses"]["404-model_unknown"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    reviewModel: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Before the slash */
                organisation: string;
                /** @description After the slash */
                name: string;
                /** @description Semantic version */
                version: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ReviewModel"];
            };
        };
        responses: {
            /** @description Approve, reject or withdraw a version */
            200: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ModelVersion"];
                };
            };
            400: components["responses"]["400-invalid_request.malformed_body.input_too_deep"];
            401: components["responses"]["401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired"];
            403: components["responses"]["403-scope_missing.role_missing"];
            404: components["responses"]["404-model_unknown"];
            409: components["responses"]["409-conflict"];
            413: components["responses"]["413-body_too_large"];
            415: components["responses"]["415-unsupported_media_type"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    listNodes: {
        parameters: {
            query?: {
                /** @description `nextCursor` of the page before */
                cursor?: string;
                /** @description Items a page */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Nodes as the index knows them */
            200: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NodesPage"];
                };
            };
            400: components["responses"]["400-invalid_request.cursor_invalid"];
            401: components["responses"]["401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired"];
            403: components["responses"]["403-scope_missing.role_missing"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    issueJoinTicket: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["JoinTicketScope"];
            };
        };
        responses: {
            /** @description Make a ticket that lets one node in, once */
            201: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JoinTicket"];
                };
            };
            400: components["responses"]["400-invalid_request.malformed_body.input_too_deep"];
            401: components["responses"]["401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired"];
            /** @description `scope_missing`, `role_missing`, `node_expelled` */
            403: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["413-body_too_large"];
            415: components["responses"]["415-unsupported_media_type"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    listPeople: {
        parameters: {
            query?: {
                /** @description `nextCursor` of the page before */
                cursor?: string;
                /** @description Items a page */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description List people */
            200: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PeoplePage"];
                };
            };
            400: components["responses"]["400-invalid_request.cursor_invalid"];
            401: components["responses"]["401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired"];
            403: components["responses"]["403-scope_missing.role_missing"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    signUp: {
        parameters: {
            query?: never;
            header?: {
                /** @description Up to 255 visible characters of your choice. The same request again is answered by the first outcome, with `Idempotency-Replayed: true`; another request with it is refused. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SignUp"];
            };
        };
        responses: {
            /** @description Sign up */
            201: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SignedUp"];
                };
            };
            400: components["responses"]["400-invalid_request.malformed_body.input_too_deep"];
            /** @description `sign_up_closed`, `invitation_needed`, `invitation_invalid` */
            403: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            409: components["responses"]["409-idempotency_key_reused.idempotency_in_progress"];
            413: components["responses"]["413-body_too_large"];
            415: components["responses"]["415-unsupported_media_type"];
            422: components["responses"]["422-region_unknown.policy_invalid"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    recover: {
        parameters: {
            query?: never;
            header?: {
                /** @description Up to 255 visible characters of your choice. The same request again is answered by the first outcome, with `Idempotency-Replayed: true`; another request with it is refused. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Recover"];
            };
        };
        responses: {
            /** @description Get an account back */
            201: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SignedUp"];
                };
            };
            400: components["responses"]["400-invalid_request.malformed_body.input_too_deep"];
            /** @description `unauthenticated` */
            401: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "WWW-Authenticate": components["headers"]["WWW-Authenticate"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            409: components["responses"]["409-idempotency_key_reused.idempotency_in_progress"];
            413: components["responses"]["413-body_too_large"];
            415: components["responses"]["415-unsupported_media_type"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    person: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Whom */
                personId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description See an account, and how far its closing has come */
            200: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PersonState"];
                };
            };
            400: components["responses"]["400-invalid_request"];
            401: components["responses"]["401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired"];
            403: components["responses"]["403-scope_missing.role_missing"];
            404: components["responses"]["404-not_found"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    setRole: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Whom */
                personId: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SetRole"];
            };
        };
        responses: {
            /** @description Make someone an auditor, or a person again */
            200: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Person"];
                };
            };
            400: components["responses"]["400-invalid_request.malformed_body.input_too_deep"];
            401: components["responses"]["401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired"];
            403: components["responses"]["403-scope_missing.role_missing"];
            404: components["responses"]["404-not_found"];
            413: components["responses"]["413-body_too_large"];
            415: components["responses"]["415-unsupported_media_type"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    listPlacements: {
        parameters: {
            query?: {
                /** @description One model only */
                model?: string;
                /** @description `nextCursor` of the page before */
                cursor?: string;
                /** @description Items a page */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What is served where, and how far it has come */
            200: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PlacementsPage"];
                };
            };
            400: components["responses"]["400-invalid_request.cursor_invalid"];
            401: components["responses"]["401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired"];
            403: components["responses"]["403-scope_missing.role_missing"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    place: {
        parameters: {
            query?: never;
            header?: {
                /** @description Up to 255 visible characters of your choice. The same request again is answered by the first outcome, with `Idempotency-Replayed: true`; another request with it is refused. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Place"];
            };
        };
        responses: {
            /** @description Have a model served */
            201: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Placements"];
                };
            };
            400: components["responses"]["400-invalid_request.malformed_body.input_too_deep"];
            401: components["responses"]["401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired"];
            403: components["responses"]["403-scope_missing.role_missing"];
            /** @description `model_unknown`, `node_unknown` */
            404: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            409: components["responses"]["409-idempotency_key_reused.idempotency_in_progress"];
            413: components["responses"]["413-body_too_large"];
            415: components["responses"]["415-unsupported_media_type"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    displace: {
        parameters: {
            query: {
                /** @description Which */
                model: string;
                /** @description All versions when absent */
                version?: string;
                /** @description Everywhere when absent */
                nodeId?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Have a model served no more */
            200: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Placements"];
                };
            };
            400: components["responses"]["400-invalid_request"];
            401: components["responses"]["401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired"];
            403: components["responses"]["403-scope_missing.role_missing"];
            404: components["responses"]["404-model_unknown"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    listPods: {
        parameters: {
            query?: {
                /** @description `nextCursor` of the page before */
                cursor?: string;
                /** @description Items a page */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description My pods */
            200: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PodsPage"];
                };
            };
            400: components["responses"]["400-invalid_request.cursor_invalid"];
            401: components["responses"]["401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired"];
            403: components["responses"]["403-scope_missing"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    createPod: {
        parameters: {
            query?: never;
            header?: {
                /** @description Up to 255 visible characters of your choice. The same request again is answered by the first outcome, with `Idempotency-Replayed: true`; another request with it is refused. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreatePod"];
            };
        };
        responses: {
            /** @description Make a pod */
            201: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Pod"];
                };
            };
            400: components["responses"]["400-invalid_request.malformed_body.input_too_deep"];
            401: components["responses"]["401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired"];
            403: components["responses"]["403-scope_missing.policy_forbids"];
            409: components["responses"]["409-idempotency_key_reused.idempotency_in_progress"];
            413: components["responses"]["413-body_too_large"];
            415: components["responses"]["415-unsupported_media_type"];
            422: components["responses"]["422-policy_invalid.region_unknown"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    getPod: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The pod */
                podId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One pod */
            200: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Pod"];
                };
            };
            400: components["responses"]["400-invalid_request"];
            401: components["responses"]["401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired"];
            403: components["responses"]["403-scope_missing"];
            404: components["responses"]["404-not_found"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    deletePod: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The pod */
                podId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Delete a pod with all that is in it */
            204: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["400-invalid_request"];
            401: components["responses"]["401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired"];
            403: components["responses"]["403-scope_missing"];
            404: components["responses"]["404-not_found"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    listResources: {
        parameters: {
            query?: {
                /** @description Only paths that begin so */
                prefix?: string;
                /** @description `nextCursor` of the page before */
                cursor?: string;
                /** @description Items a page */
                limit?: number;
            };
            header?: never;
            path: {
                /** @description The pod */
                podId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What lies in a pod */
            200: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PodResourcesPage"];
                };
            };
            400: components["responses"]["400-invalid_request.cursor_invalid"];
            401: components["responses"]["401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired"];
            403: components["responses"]["403-scope_missing"];
            404: components["responses"]["404-not_found"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    getResource: {
        parameters: {
            query?: never;
            header?: {
                /** @description Only if the resource has another ETag; 304 otherwise */
                "If-None-Match"?: string;
                /** @description `bytes=<from>-<to>`: a part of it */
                Range?: string;
            };
            path: {
                /** @description The pod */
                podId: string;
                /** @description Path of the resource, with slashes */
                path: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Read a resource */
            200: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    ETag: components["headers"]["ETag"];
                    "Last-Modified": components["headers"]["Last-Modified"];
                    "Content-Range": components["headers"]["Content-Range"];
                    "Content-Security-Policy": components["headers"]["Content-Security-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": string;
                    "*/*": string;
                };
            };
            /** @description The part that Range asks for */
            206: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    ETag: components["headers"]["ETag"];
                    "Last-Modified": components["headers"]["Last-Modified"];
                    "Content-Range": components["headers"]["Content-Range"];
                    "Content-Security-Policy": components["headers"]["Content-Security-Policy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": string;
                    "*/*": string;
                };
            };
            /** @description The resource still has the ETag */
            304: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    ETag: components["headers"]["ETag"];
                    "Last-Modified": components["headers"]["Last-Modified"];
                    "Content-Range": components["headers"]["Content-Range"];
                    "Content-Security-Policy": components["headers"]["Content-Security-Policy"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["400-invalid_request"];
            401: components["responses"]["401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired"];
            403: components["responses"]["403-scope_missing.policy_forbids"];
            404: components["responses"]["404-not_found"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    putResource: {
        parameters: {
            query?: never;
            header?: {
                /** @description Only if the resource has this ETag */
                "If-Match"?: string;
                /** @description `*`: only if there is no resource yet */
                "If-None-Match"?: string;
            };
            path: {
                /** @description The pod */
                podId: string;
                /** @description Path of the resource, with slashes */
                path: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/octet-stream": string;
                "*/*": string;
            };
        };
        responses: {
            /** @description Store a resource */
            200: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PodResource"];
                };
            };
            /** @description Stored where nothing was before */
            201: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PodResource"];
                };
            };
            400: components["responses"]["400-invalid_request.malformed_body"];
            401: components["responses"]["401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired"];
            403: components["responses"]["403-scope_missing.policy_forbids"];
            404: components["responses"]["404-not_found"];
            409: components["responses"]["409-conflict"];
            413: components["responses"]["413-body_too_large"];
            415: components["responses"]["415-unsupported_media_type"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
            507: components["responses"]["507-storage_full"];
        };
    };
    deleteResource: {
        parameters: {
            query?: never;
            header?: {
                /** @description Only if the resource has this ETag */
                "If-Match"?: string;
            };
            path: {
                /** @description The pod */
                podId: string;
                /** @description Path of the resource, with slashes */
                path: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Delete a resource */
            204: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["400-invalid_request"];
            401: components["responses"]["401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired"];
            403: components["responses"]["403-scope_missing"];
            404: components["responses"]["404-not_found"];
            409: components["responses"]["409-conflict"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    quote: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["QuoteRequest"];
            };
        };
        responses: {
            /** @description What would this cost? */
            200: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Quote"];
                };
            };
            400: components["responses"]["400-invalid_request.malformed_body.input_too_deep"];
            401: components["responses"]["401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired"];
            403: components["responses"]["403-scope_missing"];
            413: components["responses"]["413-body_too_large"];
            415: components["responses"]["415-unsupported_media_type"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    setPrice: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Before the slash */
                organisation: string;
                /** @description After the slash */
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SetPrice"];
            };
        };
        responses: {
            /** @description Set a model's price */
            200: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PriceList"];
                };
            };
            400: components["responses"]["400-invalid_request.malformed_body.input_too_deep.amount_invalid"];
            401: components["responses"]["401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired"];
            403: components["responses"]["403-scope_missing.role_missing"];
            413: components["responses"]["413-body_too_large"];
            415: components["responses"]["415-unsupported_media_type"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    purse: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What I have */
            200: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Purse"];
                };
            };
            400: components["responses"]["400-invalid_request"];
            401: components["responses"]["401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired"];
            403: components["responses"]["403-scope_missing"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    allowance: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What an empty purse gets today */
            200: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Allowance"];
                };
            };
            400: components["responses"]["400-invalid_request"];
            401: components["responses"]["401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired"];
            403: components["responses"]["403-scope_missing"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    statement: {
        parameters: {
            query?: {
                /** @description `nextCursor` of the page before */
                cursor?: string;
                /** @description Items a page */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Entries of the ledger, newest first */
            200: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StatementPage"];
                };
            };
            400: components["responses"]["400-invalid_request.cursor_invalid"];
            401: components["responses"]["401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired"];
            403: components["responses"]["403-scope_missing"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    usage: {
        parameters: {
            query?: {
                /** @description `nextCursor` of the page before */
                cursor?: string;
                /** @description Items a page */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Every request that a model was asked, newest first */
            200: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UsagePage"];
                };
            };
            400: components["responses"]["400-invalid_request.cursor_invalid"];
            401: components["responses"]["401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired"];
            403: components["responses"]["403-scope_missing"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    exchangeKey: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TokenExchange"];
            };
        };
        responses: {
            /** @description Exchange a key for a short-lived token */
            200: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Token"];
                };
            };
            400: components["responses"]["400-invalid_request.malformed_body.input_too_deep"];
            401: components["responses"]["401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired"];
            403: components["responses"]["403-scope_missing"];
            413: components["responses"]["413-body_too_large"];
            415: components["responses"]["415-unsupported_media_type"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    v2Server: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Metadata of the server */
            200: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["V2Server"];
                };
            };
            400: components["responses"]["400-uncounted-invalid_request"];
            500: components["responses"]["500-uncounted-internal"];
        };
    };
    v2Live: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Whether the gateway lives */
            200: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["V2Ready"];
                };
            };
            400: components["responses"]["400-uncounted-invalid_request"];
            500: components["responses"]["500-uncounted-internal"];
        };
    };
    v2Ready: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Whether the gateway takes requests */
            200: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["V2Ready"];
                };
            };
            400: components["responses"]["400-uncounted-invalid_request"];
            500: components["responses"]["500-uncounted-internal"];
            /** @description `shutting_down` */
            503: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "Retry-After": components["headers"]["Retry-After"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    v2Model: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A name as /v1 has it, with `--` for its slash */
                model: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Metadata of a model */
            200: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["V2Model"];
                };
            };
            400: components["responses"]["400-invalid_request"];
            401: components["responses"]["401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired"];
            403: components["responses"]["403-scope_missing"];
            404: components["responses"]["404-model_unknown"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    v2Infer: {
        parameters: {
            query?: never;
            header?: {
                /** @description Length of the JSON head of a request with binary tensors */
                "Inference-Header-Content-Length"?: string;
                /** @description Up to 255 visible characters of your choice. The same request again is answered by the first outcome, with `Idempotency-Replayed: true`; another request with it is refused. */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description A name as /v1 has it, with `--` for its slash */
                model: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["V2InferRequest"];
                "application/octet-stream": string;
            };
        };
        responses: {
            /** @description Ask a model about tensors */
            200: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    "Watershed-Cost-Micro": components["headers"]["Watershed-Cost-Micro"];
                    "Inference-Header-Content-Length": components["headers"]["Inference-Header-Content-Length"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["V2InferAnswer"];
                    "application/octet-stream": string;
                };
            };
            400: components["responses"]["400-invalid_request.malformed_body.input_too_deep.tensor_invalid.tensor_out_of_range.tensor_shape_mismatch"];
            401: components["responses"]["401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired"];
            402: components["responses"]["402-purse_empty"];
            403: components["responses"]["403-scope_missing.policy_forbids"];
            404: components["responses"]["404-model_unknown"];
            409: components["responses"]["409-idempotency_key_reused.idempotency_in_progress"];
            413: components["responses"]["413-body_too_large"];
            415: components["responses"]["415-unsupported_media_type"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            502: components["responses"]["502-model_crashed.inference_failed"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable.model_not_ready.overloaded"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    v2ModelReady: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A name as /v1 has it, with `--` for its slash */
                model: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Whether a model can be asked now */
            200: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["V2Ready"];
                };
            };
            400: components["responses"]["400-invalid_request"];
            401: components["responses"]["401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired"];
            403: components["responses"]["403-scope_missing"];
            404: components["responses"]["404-model_unknown"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable.model_not_ready"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    v2ModelVersion: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A name as /v1 has it, with `--` for its slash */
                model: string;
                /** @description Triton's integer version, or ours */
                version: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Metadata of a model */
            200: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["V2Model"];
                };
            };
            400: components["responses"]["400-invalid_request"];
            401: components["responses"]["401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired"];
            403: components["responses"]["403-scope_missing"];
            404: components["responses"]["404-model_unknown"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    v2InferVersion: {
        parameters: {
            query?: never;
            header?: {
                /** @description Length of the JSON head of a request with binary tensors */
                "Inference-Header-Content-Length"?: string;
                /** @description Up to 255 visible characters of your choice. The same request again is answered by the first outcome, with `Idempotency-Replayed: true`; another request with it is refused. */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description A name as /v1 has it, with `--` for its slash */
                model: string;
                /** @description Triton's integer version, or ours */
                version: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["V2InferRequest"];
                "application/octet-stream": string;
            };
        };
        responses: {
            /** @description Ask a model about tensors */
            200: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    "Watershed-Cost-Micro": components["headers"]["Watershed-Cost-Micro"];
                    "Inference-Header-Content-Length": components["headers"]["Inference-Header-Content-Length"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["V2InferAnswer"];
                    "application/octet-stream": string;
                };
            };
            400: components["responses"]["400-invalid_request.malformed_body.input_too_deep.tensor_invalid.tensor_out_of_range.tensor_shape_mismatch"];
            401: components["responses"]["401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired"];
            402: components["responses"]["402-purse_empty"];
            403: components["responses"]["403-scope_missing.policy_forbids"];
            404: components["responses"]["404-model_unknown"];
            409: components["responses"]["409-idempotency_key_reused.idempotency_in_progress"];
            413: components["responses"]["413-body_too_large"];
            415: components["responses"]["415-unsupported_media_type"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            502: components["responses"]["502-model_crashed.inference_failed"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable.model_not_ready.overloaded"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    v2ModelVersionReady: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A name as /v1 has it, with `--` for its slash */
                model: string;
                /** @description Triton's integer version, or ours */
                version: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Whether a model can be asked now */
            200: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["V2Ready"];
                };
            };
            400: components["responses"]["400-invalid_request"];
            401: components["responses"]["401-unauthenticated.key_unknown.key_expired.key_revoked.token_invalid.token_expired"];
            403: components["responses"]["403-scope_missing"];
            404: components["responses"]["404-model_unknown"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable.model_not_ready"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    jwks: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Public keys of the built-in issuer */
            200: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "RateLimit-Limit": components["headers"]["RateLimit-Limit"];
                    "RateLimit-Remaining": components["headers"]["RateLimit-Remaining"];
                    "RateLimit-Reset": components["headers"]["RateLimit-Reset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Jwks"];
                };
            };
            400: components["responses"]["400-invalid_request"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-database_unavailable.bus_unavailable.no_node_available.node_unreachable"];
            504: components["responses"]["504-deadline_exceeded"];
        };
    };
    live: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Whether the process works */
            200: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Live"];
                };
            };
            400: components["responses"]["400-uncounted-invalid_request"];
            500: components["responses"]["500-uncounted-internal"];
        };
    };
    ready: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Whether requests should be sent here */
            200: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Ready"];
                };
            };
            400: components["responses"]["400-uncounted-invalid_request"];
            500: components["responses"]["500-uncounted-internal"];
            /** @description `shutting_down`, `overloaded` */
            503: {
                headers: {
                    "Watershed-Route": components["headers"]["Watershed-Route"];
                    "Watershed-Request-Id": components["headers"]["Watershed-Request-Id"];
                    "Retry-After": components["headers"]["Retry-After"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
}
