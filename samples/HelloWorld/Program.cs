using System.Text;
using Samples;

var greeting = Encoding.UTF8.GetBytes($"Hello {Environment.GetEnvironmentVariable("TARGET") ?? "World"}!\n");

await SampleServer.RunAsync(async context =>
{
    context.Response.ContentType = "text/plain; charset=utf-8";
    context.Response.ContentLength = greeting.Length;
    await context.Response.Body.WriteAsync(greeting);
});
