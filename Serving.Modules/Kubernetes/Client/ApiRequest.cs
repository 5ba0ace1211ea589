using System.Net;
using System.Net.Http.Headers;

namespace Serving.Kubernetes.Client;

/// <summary>A request to the API server, from which any number of messages can be created.</summary>
/// <param name="Operation">What it does, for errors and metrics.</param>
/// <param name="Method">The method.</param>
/// <param name="PathAndQuery">From the root of the server.</param>
/// <param name="Body">The body; null for none.</param>
/// <param name="ContentType">The media type of the body.</param>
internal sealed record ApiRequest(
    ApiOperation Operation,
    HttpMethod Method,
    string PathAndQuery,
    byte[]? Body = null,
    string ContentType = "application/json"
)
{
    private static readonly HttpRequestOptionsKey<ApiOperation> OperationOption = new("serving.operation");

    /// <summary>The operation of a message; the package's own operations are named by method and path.</summary>
    public static ApiOperation OperationOf(HttpRequestMessage message) =>
        message.Options.TryGetValue(OperationOption, out var operation)
            ? operation
            : ApiOperation.OfPath(message.Method.Method, message.RequestUri?.AbsolutePath ?? "");

    /// <summary>The operation of a message, for errors.</summary>
    public static string WhatOf(HttpRequestMessage message) => OperationOf(message).ToString();

    /// <summary>Whether the response is an endless stream, which is neither buffered nor limited in time.</summary>
    public static bool IsStream(HttpRequestMessage message) =>
        message.RequestUri?.Query is { Length: > 0 } query
        && (query.Contains("watch=true", StringComparison.Ordinal) || query.Contains("follow=true", StringComparison.Ordinal));

    /// <summary>Whether the request is idempotent.</summary>
    public static bool IsRepeatable(HttpRequestMessage message) =>
        message.Method == HttpMethod.Get
        || message.Method == HttpMethod.Put
        || (message.Method == HttpMethod.Patch && message.Content?.Headers.ContentType?.MediaType != "application/json-patch+json");

    /// <summary>Creates a message; it can be sent once.</summary>
    /// <param name="server">The root of the server.</param>
    public HttpRequestMessage ToMessage(Uri server)
    {
        var message = new HttpRequestMessage(Method, new Uri(server.AbsoluteUri.TrimEnd('/') + PathAndQuery))
        {
            Version = server.Scheme == Uri.UriSchemeHttps ? HttpVersion.Version20 : HttpVersion.Version11,
            VersionPolicy = HttpVersionPolicy.RequestVersionOrLower,
        };
        message.Options.Set(OperationOption, Operation);
        ApiSpan.Inject(message);
        message.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        if (Body is not null)
        {
            message.Content = new ByteArrayContent(Body);
            message.Content.Headers.ContentType = new MediaTypeHeaderValue(ContentType);
        }

        return message;
    }
}
