using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Serving.Dataplane.Requests;

/// <summary>
/// Returns an error to a gRPC client as a trailers-only response, as Envoy does. From an HTTP status alone the client derives a code but
/// gets no message.
/// </summary>
internal static class GrpcError
{
    private const string ContentType = "application/grpc";

    /// <summary>Whether a request is gRPC: <c>application/grpc</c>, with or without a format suffix, but not gRPC-Web.</summary>
    public static bool IsFor(HttpRequest request) =>
        request.ContentType is { } type
        && type.StartsWith(ContentType, StringComparison.OrdinalIgnoreCase)
        && (type.Length == ContentType.Length || type[ContentType.Length] is '+' or ';' or ' ')
        && HttpProtocol.IsHttp2(request.Protocol);

    /// <summary>Responds with the gRPC status that corresponds to an HTTP status.</summary>
    public static Task WriteAsync(HttpResponse response, int status, string message)
    {
        response.StatusCode = StatusCodes.Status200OK;
        response.ContentType = ContentType;
        response.Headers["grpc-status"] = Status(status).ToString(CultureInfo.InvariantCulture);
        response.Headers["grpc-message"] = Encoded(message);
        return response.CompleteAsync();
    }

    // See gRPC's "HTTP to gRPC Status Code Mapping".
    private static int Status(int http) =>
        http switch
        {
            StatusCodes.Status400BadRequest => 13,
            StatusCodes.Status401Unauthorized => 16,
            StatusCodes.Status403Forbidden => 7,
            StatusCodes.Status404NotFound => 12,
            StatusCodes.Status429TooManyRequests
            or StatusCodes.Status502BadGateway
            or StatusCodes.Status503ServiceUnavailable
            or StatusCodes.Status504GatewayTimeout => 14,
            _ => 2,
        };

    // gRPC percent-encodes the UTF-8 bytes of everything but printable ASCII, and the percent sign itself.
    private static string Encoded(string message)
    {
        var encoded = new StringBuilder(message.Length);
        foreach (var part in Encoding.UTF8.GetBytes(message))
        {
            if (part is >= 0x20 and <= 0x7e and not (byte)'%')
                encoded.Append((char)part);
            else
                encoded.Append(CultureInfo.InvariantCulture, $"%{part:X2}");
        }

        return encoded.ToString();
    }
}
