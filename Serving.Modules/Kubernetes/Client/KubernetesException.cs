using System.Net;
using Serving.Api.Core;

namespace Serving.Kubernetes.Client;

/// <summary>The API server rejected a request. The message names the operation and the object.</summary>
public sealed class KubernetesException : Exception
{
    /// <param name="what">The operation, such as <c>update configurations default/hello</c>.</param>
    /// <param name="status">The server's response.</param>
    /// <param name="inner">The cause when the request never reached the server.</param>
    public KubernetesException(string what, Status status, Exception? inner = null)
        : base($"{what}: {status.Message} ({status.Code} {status.Reason})", inner)
    {
        Status = status;
    }

    /// <summary>The server's response.</summary>
    public Status Status { get; }

    /// <summary>The server's Retry-After, relative to its response; null when it sent none.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>The HTTP status code.</summary>
    public HttpStatusCode Code => (HttpStatusCode)(Status.Code ?? 0);

    /// <summary>404: the object, or its kind, does not exist.</summary>
    public bool IsNotFound => Code == HttpStatusCode.NotFound;

    /// <summary>409 because the object exists already.</summary>
    public bool IsAlreadyExists => Code == HttpStatusCode.Conflict && Status.Reason == "AlreadyExists";

    /// <summary>409 because the object has changed.</summary>
    public bool IsConflict => Code == HttpStatusCode.Conflict && Status.Reason != "AlreadyExists";

    /// <summary>410: the resourceVersion is too old to watch or page from.</summary>
    public bool IsGone => Code == HttpStatusCode.Gone;

    /// <summary>502, 503 or 504: the server, or something in between, is unreachable; retrying later helps.</summary>
    public bool IsUnreachable => Code is HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout;

    /// <summary>Whether the API server could not reach an admission webhook; retrying later helps.</summary>
    public bool IsWebhookAway =>
        Code == HttpStatusCode.InternalServerError && Status.Message.Contains("failed calling webhook", StringComparison.Ordinal);

    /// <summary>422, or a webhook's rejection: the object itself is invalid, so retrying does not help.</summary>
    public bool IsInvalid => Code is HttpStatusCode.UnprocessableEntity or HttpStatusCode.BadRequest or HttpStatusCode.Forbidden;

    /// <summary>403 because the namespace is being deleted: its objects are no longer needed.</summary>
    public bool IsNamespaceTerminating =>
        Code == HttpStatusCode.Forbidden && Status.Details?.Causes.Any(static cause => cause.Reason == "NamespaceTerminating") == true;

    /// <summary>
    /// A 4xx caused by the object or the caller, such as invalid, forbidden or over a quota: the same request is rejected until something
    /// changes. Conflict, already exists, too many requests and a terminating namespace are not included.
    /// </summary>
    public bool IsRefusal =>
        (int)Code is >= 400 and < 500
        && Code
            is not (
                HttpStatusCode.Conflict
                or HttpStatusCode.RequestTimeout
                or HttpStatusCode.Gone
                or HttpStatusCode.TooManyRequests
                or HttpStatusCode.Unauthorized
            )
        && !IsNamespaceTerminating;
}
