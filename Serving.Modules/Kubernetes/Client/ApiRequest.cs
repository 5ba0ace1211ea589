using System.Net;
using System.Net.Http.Headers;

namespace Serving.Kubernetes.Client;

/// <summary>A request to the API server, from which any number of messages can be created.</summary>
/// <param name="What">The operation and the object, for errors: <c>update configurations default/hello</c>.</param>
/// <param name="Method">The method.</param>
/// <param name="PathAndQuery">From the root of the server.</param>
/// <param name="Body">The body; null for none.</param>
/// <param name="ContentType">The media type of the body.</param>
internal sealed record ApiRequest(
    string What,
    HttpMethod Method,
    string PathAndQuery,
    byte[]? Body = null,
    string ContentType = "application/json"
)
{
    private static readonly HttpRequestOptionsKey<string> WhatOption = new("serving.what");

    /// <summary>The operation of a message, for errors; the package's own operations are named by method and path.</summary>
    public static string WhatOf(HttpRequestMessage message) =>
        message.Options.TryGetValue(WhatOption, out var what) ? what : $"{message.Method} {message.RequestUri?.AbsolutePath}";

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
        message.Options.Set(WhatOption, What);
        message.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        if (Body is not null)
        {
            message.Content = new ByteArrayContent(Body);
            message.Content.Headers.ContentType = new MediaTypeHeaderValue(ContentType);
        }

        return message;
    }
}
