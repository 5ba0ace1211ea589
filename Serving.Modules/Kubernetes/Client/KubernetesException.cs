using System.Net;
using Serving.Api.Core;

namespace Serving.Kubernetes.Client;

/// <summary>The API server refused a request. The message says what was being done to which object.</summary>
public sealed class KubernetesException : Exception
{
    /// <param name="what">What was being done, as <c>update configurations default/hello</c>.</param>
    /// <param name="status">The server's response.</param>
    /// <param name="inner">What it came from when it never reached the server.</param>
    public KubernetesException(string what, Status status, Exception? inner = null)
        : base($"{what}: {status.Message} ({status.Code} {status.Reason})", inner)
    {
        Status = status;
    }

    /// <summary>The server's response.</summary>
    public Status Status { get; }

    /// <summary>When the server wants to be asked again, counted from its response; null when it does not say.</summary>
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

    /// <summary>502, 503 or 504: the server is away, or something between us and it is; trying again later helps.</summary>
    public bool IsUnreachable => Code is HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout;

    /// <summary>Whether the API server could not reach an admission webhook; trying again later helps.</summary>
    public bool IsWebhookAway =>
        Code == HttpStatusCode.InternalServerError && Status.Message.Contains("failed calling webhook", StringComparison.Ordinal);

    /// <summary>422, or a webhook's refusal: the object itself is wrong, so trying again does not help.</summary>
    public bool IsInvalid => Code is HttpStatusCode.UnprocessableEntity or HttpStatusCode.BadRequest or HttpStatusCode.Forbidden;

    /// <summary>403 because the namespace is being deleted: whatever was to be created in it is not wanted any more.</summary>
    public bool IsNamespaceTerminating =>
        Code == HttpStatusCode.Forbidden && Status.Details?.Causes.Any(static cause => cause.Reason == "NamespaceTerminating") == true;

    /// <summary>
    /// A 4xx that is about the object or about who asks, such as not valid, forbidden or over a quota: the same request is refused until
    /// somebody changes something. What has changed, exists, comes too often or goes with its namespace is none.
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
