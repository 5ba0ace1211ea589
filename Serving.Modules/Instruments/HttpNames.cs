namespace Serving.Instruments;

/// <summary>How metrics and spans name a method and a version of HTTP, by OpenTelemetry's conventions. All results are constants.</summary>
public static class HttpNames
{
    /// <summary>The name of methods that no standard defines: clients may send any, and the number of series must stay small.</summary>
    public const string OtherMethod = "_OTHER";

    /// <summary>The method, or <see cref="OtherMethod"/>.</summary>
    public static string Method(string method) =>
        method switch
        {
            "GET" => "GET",
            "HEAD" => "HEAD",
            "POST" => "POST",
            "PUT" => "PUT",
            "PATCH" => "PATCH",
            "DELETE" => "DELETE",
            "OPTIONS" => "OPTIONS",
            "CONNECT" => "CONNECT",
            "TRACE" => "TRACE",
            _ => OtherMethod,
        };

    /// <summary><c>1.0</c>, <c>1.1</c> or <c>2</c>.</summary>
    /// <param name="protocol">As the server names it, such as <c>HTTP/1.1</c>.</param>
    public static string Version(string protocol) =>
        protocol == "HTTP/1.1" ? "1.1"
        : string.Equals(protocol, "HTTP/2", StringComparison.OrdinalIgnoreCase) ? "2"
        : string.Equals(protocol, "HTTP/1.0", StringComparison.OrdinalIgnoreCase) ? "1.0"
        : "1.1";
}
