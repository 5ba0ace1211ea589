using Microsoft.AspNetCore.Http;
using Serving.Instruments;

namespace Serving.Observability.Requests;

/// <summary>Method, status and protocol version of a request as values of metric attributes, with OpenTelemetry's names. Methods that no
/// standard defines are <c>_OTHER</c>. The values are shared, so that recording them allocates nothing.</summary>
public readonly record struct RequestKind
{
    private const int FirstStatus = 100;
    private const int Statuses = 500;

    private static readonly object[] Boxes = [.. Enumerable.Range(FirstStatus, Statuses).Select(static status => (object)status)];

    private readonly int _status;

    private RequestKind(string method, int status, string version)
    {
        Method = method;
        _status = status;
        Version = version;
    }

    /// <summary>The method, or <c>_OTHER</c>.</summary>
    public string Method { get; }

    /// <summary>The status, a number.</summary>
    public object Status => Boxed(_status);

    /// <summary>The version: <c>1.0</c>, <c>1.1</c> or <c>2</c>.</summary>
    public string Version { get; }

    /// <summary>A status as a value of an attribute.</summary>
    public static object Boxed(int status) => (uint)(status - FirstStatus) < Statuses ? Boxes[status - FirstStatus] : status;

    /// <summary>The kind of a request.</summary>
    /// <param name="request">The request.</param>
    /// <param name="status">The status of its response.</param>
    public static RequestKind Of(HttpRequest request, int status)
    {
        ArgumentNullException.ThrowIfNull(request);
        return new RequestKind(HttpNames.Method(request.Method), status, HttpNames.Version(request.Protocol));
    }

    /// <summary>A kind that stands for many: only the class of the status is known, as <c>200</c> or <c>300</c>; the version is
    /// empty.</summary>
    internal RequestKind Coarse => new(HttpNames.OtherMethod, _status / 100 * 100, "");
}
